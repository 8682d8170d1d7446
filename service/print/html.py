"""The sheet as HTML: a standalone accessible page, and the fragment that is `CarePlan.text`.

https://hl7.org/fhir/R4/narrative.html (only basic HTML elements), https://www.w3.org/TR/WCAG22/
"""

import re
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

from service.print.sheet import Block, Card, Heading, Item, Items, Paragraph, Quote, Row, Rows, Section, Sheet, Table

STYLE = (Path(__file__).parent / "page.css").read_text("utf-8")

# What neither XML nor a reader can do anything with: controls, and marks that turn the direction of the text around.
UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")

_special = re.compile("[&<>\"'\n]|" + UNSAFE.pattern).search


def clean(text: str) -> str:
    """The text without control characters and marks that turn its direction."""
    return UNSAFE.sub("", text)


def page(sheet: Sheet) -> str:
    """A whole page that needs nothing from anywhere."""
    draw = _Draw(sheet)
    title = _text(f"{sheet.title} – {sheet.subtitle[0]}" if sheet.subtitle else sheet.title)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!DOCTYPE html>\n<html lang="{sheet.language}">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<meta name="referrer" content="no-referrer">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>\n{STYLE}</style>\n</head>\n'
        f"<body{' class=child' if sheet.child else ''}>\n<header>\n{draw.top()}</header>\n<main>\n"
        + "".join([draw.landmark(one) for one in sheet.sections])
        + f"</main>\n{_footer(sheet)}</body>\n</html>\n"
    )


def fragment(sheet: Sheet) -> str:
    """The `div` of a narrative: headings, paragraphs, lists and tables only."""
    draw = _Draw(sheet)
    body = "".join([draw.section(one) for one in sheet.sections])
    return (
        f'<div xmlns="http://www.w3.org/1999/xhtml" lang="{sheet.language}" xml:lang="{sheet.language}">'
        f"{draw.top()}{body}</div>"
    )


def _footer(sheet: Sheet) -> str:
    return f"<footer>\n<p>{_text(sheet.footer)}</p>\n</footer>\n" if sheet.footer else ""


def _text(text: str) -> str:
    # Most texts have nothing to escape, and looking is cheaper than replacing.
    if _special(text) is None:
        return text
    return escape(clean(text)).replace("\n", "<br/>")


class _Draw:
    """Draws blocks; knows in which language the plan's own words are."""

    __slots__ = ("_own", "_sheet")

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        own = escape(sheet.own_language)
        self._own = f' lang="{own}" xml:lang="{own}"' if sheet.own_language != sheet.language else ""

    def top(self) -> str:
        sheet = self._sheet
        banners = "".join([f'<p class="banner"><b>{_text(one)}</b></p>' for one in sheet.banners])
        subtitle = "".join([f"<span>{_text(one)}</span> " for one in sheet.subtitle])
        below = f'<p class="subtitle">{subtitle.strip()}</p>' if subtitle else ""
        return f"{banners}<h1{self._own if sheet.own_title else ''}>{_text(sheet.title)}</h1>{below}\n"

    def landmark(self, section: Section) -> str:
        """A section as a region with a name, for pages."""
        if not section.title:
            return f'<div class="cards">\n{self.section(section)}</div>\n'
        key = section.key
        return f'<section class="{key}" aria-labelledby="{key}">\n{self.section(section, key)}</section>\n'

    def section(self, section: Section, key: str = "") -> str:
        name = f' id="{key}"' if key else ""
        head = f"<h2{name}>{_text(section.title)}</h2>\n" if section.title else ""
        return head + self.blocks(section.blocks)

    def blocks(self, every: Iterable[Block]) -> str:
        return "".join([_BLOCKS[type(one)](self, one) for one in every])

    def own(self, text: str) -> str:
        return f"<span{self._own}>{_text(text)}</span>" if self._own else _text(text)

    def quote(self, block: Quote) -> str:
        by = f"<p>{_text(block.by)}</p>" if block.by else ""
        return f"<blockquote><p{self._own}>{_text(block.text)}</p></blockquote>{by}\n"

    def paragraph(self, block: Paragraph) -> str:
        text = self.own(block.text) if block.own else _text(block.text)
        return f"<p><b>{text}</b></p>\n" if block.strong else f"<p>{text}</p>\n"

    def heading(self, block: Heading) -> str:
        return f"<h3>{_text(block.text)}</h3>\n"

    def items(self, block: Items) -> str:
        name = "ol" if block.mark == "number" else "ul"
        return f'<{name} class="{block.mark}">{"".join([self.item(one) for one in block.items])}</{name}>\n'

    def item(self, item: Item) -> str:
        text = self.own(item.text) if item.own else _text(item.text)
        text = f"<b>{text}</b>" if item.strong else text
        below = f"<ul><li>{'</li><li>'.join(self.said(item.rows))}</li></ul>" if item.rows else ""
        return f"<li>{text}{below}</li>"

    def rows(self, block: Rows) -> str:
        return f"<p>{'</p><p>'.join(self.said(block.rows))}</p>\n"

    def said(self, rows: Iterable[Row]) -> list[str]:
        return [
            f"{_text(one.label)}: {self.own(one.value)}" if one.own and self._own
            else _text(f"{one.label}: {one.value}")
            for one in rows
        ]  # fmt: skip

    def table(self, block: Table) -> str:
        head = "".join([f'<th scope="col">{_text(one)}</th>' for one in block.head])
        body = "".join([f"<tr>{''.join([f'<td>{_text(cell)}</td>' for cell in row])}</tr>" for row in block.rows])
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>\n"

    def card(self, block: Card) -> str:
        big = "<br/>".join(map(_text, block.big))
        large = f'<p class="big"><b>{big}</b></p>' if big else ""
        return f'<div class="card"><h2>{_text(block.title)}</h2>{large}{self.blocks(block.blocks)}</div>\n'


_BLOCKS: dict[type[Block], Callable[..., str]] = {
    Quote: _Draw.quote,
    Paragraph: _Draw.paragraph,
    Heading: _Draw.heading,
    Items: _Draw.items,
    Rows: _Draw.rows,
    Table: _Draw.table,
    Card: _Draw.card,
}
