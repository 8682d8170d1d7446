"""Where two JSON values differ, as JSON Pointers; never what stands there."""

from typing import Any

from service.fhir.json import canonical, escape

MOST = 50


def differences(before: Any, after: Any, most: int = MOST) -> list[str]:
    """The pointers (RFC 6901) of up to `most` places that differ, outermost and first ones first."""
    found: list[str] = []
    _compare(before, after, "", found, most)
    return found


def _compare(before: Any, after: Any, at: str, found: list[str], most: int) -> None:
    if len(found) >= most:
        return
    if type(before) is dict and type(after) is dict:
        for key in (*before, *(one for one in after if one not in before)):
            pointer = f"{at}/{escape(key)}"
            if key not in before or key not in after:
                found.append(pointer)
            else:
                _compare(before[key], after[key], pointer, found, most)
    elif type(before) is list and type(after) is list and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            _compare(old, new, f"{at}/{index}", found, most)
    elif canonical(before) != canonical(after):
        found.append(at)
