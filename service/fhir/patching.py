"""What both kinds of patches share: the error that says which operation cannot be done, and why."""

from typing import Any

from service.issues import Issue, issue


class PatchError(ValueError):
    """A patch that cannot be applied; nothing of it was."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.key)
        self.issue = found


def wrong(key: str, pointer: str, **params: Any) -> PatchError:
    """The error for the operation at `pointer` in the patch."""
    return PatchError(issue(f"patch.{key}", pointer=pointer, **params))
