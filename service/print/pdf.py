"""The sheet as a tagged PDF: PDF/UA-1, and PDF/A-2a for the archive. Drawn by typst (https://typst.app/docs) from data.

The sheet reaches the template as JSON data, never as markup, so nothing in a text can be a command.
"""

import functools
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import typst

from service.print.dates import months_of
from service.print.fonts import FOLDER, INVISIBLE, unknown
from service.print.html import clean
from service.print.sheet import Sheet

TEMPLATE = Path(__file__).parent / "plan.typ"
_LONG = re.compile(r"\S{36,}")
# Drawn where a font has nothing for a character; readers are told.
REPLACEMENT = "\ufffd"
# typst compiles one document at a time for each compiler, and its cache is worth sharing.
_lock = threading.Lock()


def render(sheet: Sheet, now: datetime, *, archive: bool = False) -> bytes:
    """The PDF. `now` is the date that stands in the file; the same sheet and `now` give the same bytes."""
    data = json.dumps(_drawable(msgspec.to_builtins(sheet)), ensure_ascii=False)
    with _lock:
        made = _compiler().compile(
            format="pdf",
            sys_inputs={"sheet": data, "date": now.astimezone(UTC).strftime("%Y-%m-%d-%H-%M-%S")},
            pdf_standards=["a-2a", "ua-1"] if archive else ["ua-1"],
            timestamp=int(now.timestamp()),
        )
    if not isinstance(made, bytes):
        raise TypeError(f"typst gave {type(made).__name__}, not the bytes of one PDF")
    return made


def unknown_characters(sheet: Sheet) -> Iterator[str]:
    """The characters of the sheet that the fonts cannot draw; they are shown as `�`."""
    for text in _texts(sheet):
        yield from unknown().findall(INVISIBLE.sub("", clean(text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _texts(getattr(value, name))


@functools.cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(str(TEMPLATE), root=str(TEMPLATE.parent), font_paths=[str(FOLDER)], ignore_system_fonts=True)


def _drawable(value: Any) -> Any:
    """The same JSON with texts that the fonts can draw and a line can hold."""
    if isinstance(value, str):
        text = unknown().sub(REPLACEMENT, INVISIBLE.sub("", clean(value)))
        return _LONG.sub(_breakable, _dates().sub(_together, text))
    if isinstance(value, list | tuple):
        return [_drawable(one) for one in value]
    if isinstance(value, dict):
        return {name: _drawable(one) for name, one in value.items()}
    return value


@functools.cache
def _dates() -> re.Pattern[str]:
    """`1 October 2025`, `kl. 16.30`: what a line must not end in the middle of."""
    months = "|".join(sorted(month for language in ("sv", "en") for month in months_of(language)))
    return re.compile(rf"\b\d{{1,2}} (?:{months})\b(?: \d{{4}}\b)?|\b(?:klo|kl\.) (?=\d)")


def _together(match: re.Match[str]) -> str:
    return match[0].replace(" ", "\u00a0")


def _breakable(match: re.Match[str]) -> str:
    """A run without spaces may be broken after every few characters, or it would leave the page."""
    text = match[0]
    return "\u200b".join(text[at : at + 12] for at in range(0, len(text), 12))
