"""Is a narrative surely right? Its tags are few: each is read by itself once, after that only how they nest counts.

https://hl7.org/fhir/R4/narrative.html
"""

import functools
import re

from service.validation.narrative import XHTML, problems

_tags = re.compile("<([^<>]*)>").findall
_read = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*?)?(/?)").fullmatch
_references = re.compile("&(?:amp|lt|gt|quot|apos);").findall  # what others mean would take a definition
_says_something = re.compile(r">\s*[^\s<]").search
_MOST, _LONGEST = 2000, 300  # tags remembered, and characters of one


class _Ends(dict[str, str | None]):
    """What ends the element that a tag begins, "" is for an empty element; None: unclear, or it begins none.

    Tags stand here without the brackets around them.
    """

    def __missing__(self, tag: str) -> str | None:
        if len(self) >= _MOST or len(tag) > _LONGEST:
            return None
        self[tag] = found = _judged(tag)
        return found


_ends = _Ends()


def right(text: str) -> bool:
    """Whether nothing is wrong with the `div` of a narrative; what is not told so quickly is read as a whole."""
    return _is_plain(text) or not problems(text)


def _is_plain(text: str) -> bool:
    tags = _tags(text)
    if len(tags) < 2 or len(tags) != text.count("<") or text[:1] != "<" or not text.endswith("</div>"):
        return False
    root, *inner, wanted = tags
    if len(root) > _LONGEST or not _is_root(root) or not _is_text(text) or not _says_something(text):
        return False
    around: list[str] = []  # what ends the elements around the innermost, which `wanted` ends
    for tag in inner:
        if tag == wanted:
            if not around:
                return False
            wanted = around.pop()
        elif end := _ends[tag]:
            around.append(wanted)
            wanted = end
        elif end is None:
            return False
    return not around


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
