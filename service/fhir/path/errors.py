"""What cannot be parsed, compiled or evaluated as FHIRPath; `PathError.issue` says where, why and what to do."""

from dataclasses import replace

from service.issues import Issue, issue

Place = tuple[int, int]


class PathError(ValueError):
    """A FHIRPath expression that cannot be read or evaluated.

    `issue.line` and `issue.column` count from 1 in the expression; they are `None` where a value is to blame that came
    from elsewhere.
    """

    def __init__(self, found: Issue) -> None:
        super().__init__(found.text())
        self.issue = found

    def at(self, place: Place) -> "PathError":
        """The same at `place`, unless it has a place already."""
        if self.issue.line is not None:
            return self
        return PathError(replace(self.issue, line=place[0], column=place[1]))


def failure(kind: str, place: Place | None = None, /, **params: object) -> PathError:
    """The error of kind `fhirpath.<kind>` at `place` (line, column)."""
    line, column = place or (None, None)
    return PathError(
        issue(f"fhirpath.{kind}", line=line, column=column, **{name: str(value) for name, value in params.items()})
    )
