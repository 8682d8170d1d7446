"""The sheet: sections and blocks in one language, ready to be laid out; PDF, HTML and narrative draw the same one.

`own` marks the plan's own words, which stay in the language they were written in.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Row:
    """A label and what it says."""

    label: str
    value: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """Somebody's words, and whose."""

    text: str
    by: str
    kind: Literal["quote"] = "quote"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str
    own: bool = False
    strong: bool = False
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a list, with what is known of it; `own` is about the text."""

    text: str
    rows: tuple[Row, ...] = ()
    own: bool = True
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `mark` is a number, a box to tick, or a dot."""

    items: tuple[Item, ...]
    mark: Literal["number", "tick", "dot"] = "dot"
    kind: Literal["items"] = "items"


@dataclass(frozen=True, slots=True)
class Rows:
    """Labels with what they say."""

    rows: tuple[Row, ...]
    kind: Literal["rows"] = "rows"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Card:
    """What must be found at a glance: a heading, large lines, and the rest."""

    title: str
    big: tuple[str, ...]
    blocks: tuple["Rows | Paragraph", ...] = ()
    kind: Literal["card"] = "card"


Block: TypeAlias = Quote | Paragraph | Heading | Items | Rows | Table | Card


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the sheet. Cards stand side by side and bring their own headings, so their section has no title."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The whole; `banners` say what kind of paper this is (a copy, a draft), `footer` stands on every page.

    `page` holds `{page}` and `{pages}`.
    """

    language: str
    own_language: str
    title: str
    own_title: bool
    subtitle: tuple[str, ...]
    banners: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: str
    page: str
    child: bool = False
