"""Is a narrative surely right? Its tags are few: each is read by itself once, after that only how they nest counts.

https://hl7.org/fhir/R4/narrative.html
"""

import functools
import re
from typing import Any

from service.validation.narrative import XHTML, problems

_read = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*?)?(/?)").fullmatch
_references = re.compile("&(?:amp|lt|gt|quot|apos);").findall  # what others mean would take a definition
_says_something = re.compile(r">\s*[^\s<]").search
_is_end = re.compile("/[A-Za-z][A-Za-z0-9]*").fullmatch
_MOST, _LONGEST = 2000, 300  # tags remembered, and characters of one


class _Ends(dict[str, str | None]):
    """What ends the element that a tag begins: an end tag ends itself, "" is for an empty element; None: unclear.

    Tags stand here without the brackets around them.
    """

    def __missing__(self, tag: str) -> str | None:
        if len(self) >= _MOST or len(tag) > _LONGEST:
            return None
        self[tag] = found = tag if _is_end(tag) else _judged(tag)
        return found


_ends = _Ends()


def right(text: str) -> bool:
    """Whether nothing is wrong with the `div` of a narrative; what is not told so quickly is read as a whole."""
    return _is_plain(text) or not problems(text)


def _is_plain(text: str) -> bool:
    before, *pieces = text.split("<")
    if before or len(pieces) < 2 or pieces[-1] != "/div>":
        return False
    root, bracket, _ = pieces[0].partition(">")
    if not bracket or len(root) > _LONGEST or not _is_root(root) or not _is_text(text) or not _says_something(text):
        return False
    open_: tuple[str, Any] | None = None  # what ends the innermost element, and the same of those around it
    for piece in pieces[1:-1]:
        tag, bracket, _ = piece.partition(">")
        end = _ends[tag] if bracket else None
        if end == tag:
            if open_ is None or open_[0] != tag:
                return False
            open_ = open_[1]
        elif end:
            open_ = end, open_
        elif end is None:
            return False
    return open_ is None


def _is_text(text: str) -> bool:
    """Whether XML has all characters, and what they could mean beside themselves."""
    if "&" in text and len(_references(text)) != text.count("&"):
        return False
    return "]]>" not in text and text.replace("\n", "").isprintable()


@functools.lru_cache(100)
def _is_root(tag: str) -> bool:
    return not problems(f"<{tag}>x</div>")


def _judged(tag: str) -> str | None:
    found = _read(tag)
    if found is None or "xmlns" in tag:
        return None
    name, is_empty = found.groups()
    end = "" if is_empty else f"/{name}"
    closing = f"<{end}>" if end else ""
    return None if problems(f'<div xmlns="{XHTML}">x<{tag}>{closing}</div>') else end
