"""The sheet: sections and blocks in one language, ready to be laid out; PDF, HTML and narrative draw the same one.

`own` marks the plan's own words, which stay in the language they were written in.
"""

from typing import Literal, TypeAlias

from msgspec import Struct


class Row(Struct, frozen=True):
    """A label and what it says."""

    label: str
    value: str
    own: bool = False


class Quote(Struct, frozen=True):
    """Somebody's words, and whose."""

    text: str
    by: str
    kind: Literal["quote"] = "quote"


class Paragraph(Struct, frozen=True):
    """Running text."""

    text: str
    own: bool = False
    strong: bool = False
    kind: Literal["paragraph"] = "paragraph"


class Heading(Struct, frozen=True):
    """A heading inside a section."""

    text: str
    kind: Literal["heading"] = "heading"


class Item(Struct, frozen=True):
    """One thing in a list, with what is known of it; `own` is about the text."""

    text: str
    rows: tuple[Row, ...] = ()
    own: bool = True
    strong: bool = False


class Items(Struct, frozen=True):
    """A list; `mark` is a number, a box to tick, or a dot."""

    items: tuple[Item, ...]
    mark: Literal["number", "tick", "dot"] = "dot"
    kind: Literal["items"] = "items"


class Rows(Struct, frozen=True):
    """Labels with what they say."""

    rows: tuple[Row, ...]
    kind: Literal["rows"] = "rows"


class Table(Struct, frozen=True):
    """A table with a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kind: Literal["table"] = "table"


class Card(Struct, frozen=True):
    """What must be found at a glance: a heading, large lines, and the rest."""

    title: str
    big: tuple[str, ...]
    blocks: tuple["Rows | Paragraph", ...] = ()
    kind: Literal["card"] = "card"


Block: TypeAlias = Quote | Paragraph | Heading | Items | Rows | Table | Card


class Section(Struct, frozen=True):
    """A part of the sheet. Cards stand side by side and bring their own headings, so their section has no title."""

    key: str
    title: str
    blocks: tuple[Block, ...]


class Sheet(Struct, frozen=True):
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
