"""Why things go and stay, noted in passing: put into words only where somebody asks, which hardly anybody does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import overload

from service.policy.elements import At
from service.policy.model import NONE, Step


class Steps(Sequence[Step]):
    """The steps of a decision in their order: those given first, then those that are noted here."""

    __slots__ = ("_first", "_made", "_noted", "less")

    def __init__(self, first: Iterable[Step] = ()) -> None:
        self._first = tuple(first)
        self._noted: list[tuple[str, At, bool, str, Mapping[str, str]]] = []
        self._made: tuple[Step, ...] = ()
        self.less: set[str] = set()
        """The resources of which something stays."""

    def goes(self, resource: str, at: At, why: str, params: Mapping[str, str] = NONE) -> None:
        """Note that a resource goes, or what is at a place in it."""
        self._noted.append((resource, at, True, why, params))

    def stays(self, resource: str, at: At, why: str, params: Mapping[str, str] = NONE) -> None:
        """Note that a resource stays, or what is at a place in it."""
        self.less.add(resource)
        self._noted.append((resource, at, False, why, params))

    def dropped(self, resource: str, places: Iterable[At]) -> None:
        """Note that the policy does not name what is at these places."""
        noted = [(resource, at, False, "policy.element-not-in-policy", NONE) for at in places]
        if noted:
            self.less.add(resource)
            self._noted += noted

    def about(self) -> set[str]:
        """The resources of which something was noted here."""
        return {one[0] for one in self._noted}

    def __len__(self) -> int:
        return len(self._first) + len(self._noted)

    @overload
    def __getitem__(self, at: int) -> Step: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Step]: ...
    def __getitem__(self, at: int | slice) -> Step | Sequence[Step]:
        return self._all()[at]

    def __iter__(self) -> Iterator[Step]:
        return iter(self._all())

    def _all(self) -> tuple[Step, ...]:
        if len(self._made) < len(self):
            noted = (Step(resource, _path(at), kept, why, params) for resource, at, kept, why, params in self._noted)
            self._made = (*self._first, *noted)
        return self._made


def _path(at: At) -> str:
    """The FHIRPath to a place."""
    steps = []
    while at is not None:
        at, step = at
        steps.append(step)
    text = ""
    for step in reversed(steps):
        if isinstance(step, int):
            text += f"[{step}]"
        elif isinstance(step, tuple):
            text += f"('{step[0]}')"
        else:
            text += f".{step}" if text else step
    return text
