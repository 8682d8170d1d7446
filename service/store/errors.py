"""What the store cannot do: an exception that carries the issues to show; nothing was written when it is raised."""

from collections.abc import Iterable

from service.issues import Issue


class StoreError(Exception):
    """Raised where a call cannot go on; `issues` (one at least) say why, their keys decide the HTTP status."""

    def __init__(self, *issues: Issue) -> None:
        super().__init__(", ".join(one.key for one in issues))
        self.issues: tuple[Issue, ...] = issues

    @classmethod
    def of(cls, issues: Iterable[Issue]) -> "StoreError":
        return cls(*issues)
