"""Reads a tagged PDF as a screen reader does: the structure tree in order, each leaf with the text it marks.

ISO 32000-1, 14.7 (logical structure) and 9.10 (extraction of text content).
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pikepdf

Marked = dict[tuple[int, int], str]


@dataclass
class Node:
    """One element of the structure tree."""

    tag: str
    lang: str = ""
    text: str = ""
    children: list["Node"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        yield self
        for child in self.children:
            yield from child.walk()

    def whole(self) -> str:
        """All text below, in reading order."""
        return self.text + "".join(child.whole() for child in self.children)


def document(data: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(data))


def tree(pdf: pikepdf.Pdf) -> Node:
    """The structure tree with its texts."""
    marked = _marked(pdf)
    pages = {page.objgen: index for index, page in enumerate(pdf.pages)}
    root = Node("StructTreeRoot")
    for kid in _kids(pdf.Root.StructTreeRoot):
        root.children.append(_node(kid, None, marked, pages))
    return root


def flat(text: str) -> str:
    """Text without white space and break marks: how lines fall does not count."""
    return re.sub(r"[\s\u00ad\u200b]", "", text)


def _kids(element: Any) -> list[Any]:
    kids = element.get("/K")
    return [] if kids is None else list(kids) if isinstance(kids, pikepdf.Array) else [kids]


def _node(element: Any, page: int | None, marked: Marked, pages: dict[Any, int]) -> Node:
    here = pages[element["/Pg"].objgen] if "/Pg" in element else page
    node = Node(str(element.get("/S", "?")).lstrip("/"), str(element.get("/Lang", "")))
    for kid in _kids(element):
        if isinstance(kid, int):
            node.children.append(Node("MC", text=marked.get((here or 0, int(kid)), "")))
        elif kid.get("/Type") == "/MCR":
            on = pages[kid["/Pg"].objgen] if "/Pg" in kid else here or 0
            node.children.append(Node("MC", text=marked.get((on, int(kid["/MCID"])), "")))
        elif kid.get("/Type") != "/OBJR":
            node.children.append(_node(kid, here, marked, pages))
    return node


def shown(pdf: pikepdf.Pdf) -> Iterator[tuple[int, int | None, str]]:
    """Every piece of text: its page (from 0), the marked content it belongs to, and what it says."""
    for index, page in enumerate(pdf.pages):
        fonts = {name: _unicode(font) for name, font in page.Resources.get("/Font", {}).items()}
        stack: list[tuple[int | None, bool]] = [(None, False)]
        font: dict[bytes, str] = {}
        for operands, operator in pikepdf.parse_content_stream(page):
            name = str(operator)
            if name in ("BDC", "BMC"):
                given = operands[1] if name == "BDC" and isinstance(operands[1], pikepdf.Dictionary) else {}
                mcid = given.get("/MCID")
                mcid = stack[-1][0] if mcid is None else int(mcid)
                stack.append((mcid, stack[-1][1] or "/ActualText" in given))
                yield index, mcid, str(given.get("/ActualText", ""))
            elif name == "EMC":
                stack.pop()
            elif name == "Tf":
                font = fonts[str(operands[0])]
            elif name in ("Tj", "TJ") and not stack[-1][1]:
                pieces = operands[0] if name == "TJ" else [operands[0]]
                text = "".join(_decode(bytes(one), font) for one in pieces if isinstance(one, pikepdf.String))
                yield index, stack[-1][0], text


def placed(pdf: pikepdf.Pdf) -> Iterator[tuple[float, str]]:
    """Every piece of text with where it begins, in points from the left edge of its page."""
    for page in pdf.pages:
        fonts = {name: _unicode(font) for name, font in page.Resources.get("/Font", {}).items()}
        saved: list[pikepdf.Matrix] = []
        matrix = text_matrix = pikepdf.Matrix()
        font: dict[bytes, str] = {}
        for operands, operator in pikepdf.parse_content_stream(page):
            name = str(operator)
            if name == "q":
                saved.append(matrix)
            elif name == "Q":
                matrix = saved.pop()
            elif name == "cm":
                matrix = pikepdf.Matrix(*map(float, operands)) @ matrix
            elif name == "Tm":
                text_matrix = pikepdf.Matrix(*map(float, operands))
            elif name == "Tf":
                font = fonts[str(operands[0])]
            elif name in ("Tj", "TJ"):
                pieces = operands[0] if name == "TJ" else [operands[0]]
                text = "".join(_decode(bytes(one), font) for one in pieces if isinstance(one, pikepdf.String))
                yield (text_matrix @ matrix).e, text


def _marked(pdf: pikepdf.Pdf) -> Marked:
    found: Marked = {}
    for page, mcid, text in shown(pdf):
        if mcid is not None:
            found[page, mcid] = found.get((page, mcid), "") + text
    return found


def _decode(data: bytes, font: dict[bytes, str]) -> str:
    return "".join(font.get(data[at : at + 2], "") for at in range(0, len(data), 2))


def _unicode(font: Any) -> dict[bytes, str]:
    """Glyph codes to text, from the font's ToUnicode map."""
    cmap = bytes(font.ToUnicode.read_bytes()).decode("latin-1")
    found: dict[bytes, str] = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for code, text in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            found[bytes.fromhex(code)] = bytes.fromhex(text).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        for first, last, text in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            start = int(text, 16)
            for step, code in enumerate(range(int(first, 16), int(last, 16) + 1)):
                found[code.to_bytes(len(first) // 2, "big")] = chr(start + step)
    return found
