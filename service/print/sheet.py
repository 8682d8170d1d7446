"""The sheet: sections and blocks in one language, ready to be laid out; PDF, HTML and narrative draw the same one.

`own` marks the plan's own words, which stay in the language they were written in. Nothing here refers in a circle, so
none of it is looked through for garbage.
"""

from typing import Literal

from msgspec import Struct


class Row(Struct, frozen=True, gc=False):
    """A label and what it says."""

    label: str
    value: str
    own: bool = False


class Block(Struct, frozen=True, gc=False, tag_field="kind", tag=str.lower):
    """What stands below something else; as JSON, its `kind` is the name of its class."""


class Quote(Block, frozen=True):
    """Somebody's words, and whose."""

    text: str
    by: str


class Paragraph(Block, frozen=True):
    """Running text."""

    text: str
    own: bool = False
    strong: bool = False


class Heading(Block, frozen=True):
    """A heading inside a section."""

    text: str


class Item(Struct, frozen=True, gc=False):
    """One thing in a list, with what is known of it; `own` is about the text."""

    text: str
    rows: tuple[Row, ...] = ()
    own: bool = True
    strong: bool = False


class Items(Block, frozen=True):
    """A list; `mark` is a number, a box to tick, or a dot."""

    items: tuple[Item, ...]
    mark: Literal["number", "tick", "dot"] = "dot"


class Rows(Block, frozen=True):
    """Labels with what they say."""

    rows: tuple[Row, ...]


class Table(Block, frozen=True):
    """A table with a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Card(Block, frozen=True):
    """What must be found at a glance: a heading, large lines, and the rest."""

    title: str
    big: tuple[str, ...]
    blocks: tuple[Block, ...] = ()


class Section(Struct, frozen=True, gc=False):
    """A part of the sheet. Cards stand side by side and bring their own headings, so their section has no title."""

    key: str
    title: str
    blocks: tuple[Block, ...]


class Sheet(Struct, frozen=True, gc=False):
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
