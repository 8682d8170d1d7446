"""Cuts the text of a map into tokens with places and comments; the FHIRPath inside is cut the same way.

https://build.fhir.org/ig/HL7/mapping-language-ig/grammar.html
"""

import bisect
import re
from dataclasses import dataclass
from typing import Any

from service.issues import Issue, issue
from service.mapping.model import Place

MAX_LENGTH = 2_000_000

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<meta>///[ \t]*[A-Za-z][\w.\[\]-]*[ \t]*=[ \t]*(?:\"{3}.*?(?:\"{3}|\Z)|[^\r\n]*))
    | (?P<comment>//[^\r\n]*|/\*.*?(?:\*/|\Z))
    | (?P<date>@(?:T\d[\d:.]*|\d{4}(?:-\d\d){0,2}(?:T(?:\d\d[\d:.]*(?:Z|[+-]\d\d:\d\d)?)?)?))
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`[^`\\\r\n]*(?:\\.[^`\\\r\n]*)*`)
    | (?P<string>'[^'\\]*(?:\\.[^'\\]*)*')
    | (?P<double>"[^"\\]*(?:\\.[^"\\]*)*")
    | (?P<op>->|<<|>>|<=|>=|<-|>-|==|!=|!~|--|\.\.|[-+*/&|=~<>()\[\]{},.:;%$])
    | (?P<end>\Z))
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = ("", *_TOKEN.groupindex)
_SPACE = re.compile(r"\s*")
_REST_OF_LINE = re.compile(r"[^\r\n]*")
_QUOTES = frozenset("'\"`")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


@dataclass(slots=True)
class Token:
    """`kind` is the name of a part of the pattern above, or `end`; `comment` is what stood before it."""

    kind: str
    text: str
    start: int
    end: int
    comment: str | None = None
    trailing: str | None = None

    def is_(self, *texts: str) -> bool:
        """Whether it is one of these operators or bare words."""
        return self.text in texts and (self.kind == "op" or self.kind == "name")


class Lexer:
    """Tokens of one text; `place(offset)` gives file, line and column."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.issues: list[Issue] = []
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        line = bisect.bisect_right(self._starts, offset)
        return Place(self.file, line, offset - self._starts[line - 1] + 1)

    def tokens(self) -> list[Token]:
        """All tokens, the last one of kind `end`. A character that begins none is an issue and left out."""
        if len(self.text) > MAX_LENGTH:
            self._report("fml.too-long", 0, size=len(self.text), most=MAX_LENGTH)
            return [Token("end", "", 0, 0)]
        found: list[Token] = []
        comments: list[str] = []
        # Where a quote is not closed, none of its kind after it is: looking each up would be quadratic.
        opened: dict[str, int] = {}
        at = 0
        match_token, text = _TOKEN.match, self.text
        while True:
            match = None if opened and self._is_open(at, opened) else match_token(text, at)
            if match is None:
                at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
                if text[at] in _QUOTES and at >= opened.get(text[at], 0):
                    line = _REST_OF_LINE.match(text, at)
                    opened[text[at]] = line.end() if text[at] == "`" and line else len(text)
                self._stray(at)
                at += 1
                continue
            group = match.lastindex or 0
            kind = _KINDS[group]
            if kind == "end":
                break
            start, at = match.span(group)
            if kind == "comment":
                self._comment(match[group], start, found, comments)
            elif comments:
                found.append(Token(kind, match[group], start, at, "\n".join(comments)))
                comments = []
            else:
                found.append(Token(kind, match[group], start, at))
        found.append(Token("end", "", len(self.text), len(self.text), "\n".join(comments) or None))
        return found

    def _is_open(self, at: int, opened: dict[str, int]) -> bool:
        """Whether the next token would begin with a quote that is known not to be closed."""
        start = _SPACE.match(self.text, at).end()  # type: ignore[union-attr]
        return start < opened.get(self.text[start : start + 1], 0)

    def _comment(self, text: str, at: int, found: list[Token], comments: list[str]) -> None:
        words = text.strip("/* \t\r\n")
        if found and not comments and found[-1].trailing is None and "\n" not in self.text[found[-1].end : at]:
            found[-1].trailing = words
        elif words:
            comments.append(words)

    def _stray(self, at: int) -> None:
        char = self.text[at]
        if len(self.issues) >= 20:
            return
        if char in _QUOTES:
            self._report("fml.open-quote", at, quote=char)
        else:
            self._report("fml.stray-character", at, value=char)

    def _report(self, key: str, at: int, **params: Any) -> None:
        place = self.place(at)
        self.issues.append(issue(key, line=place.line, column=place.column, where=str(place), **params))


def unquote(text: str) -> str:
    """What a quoted token says, with its escapes (`\\n`, `\\'`, `\\u00e4` …) resolved."""
    return _ESCAPE.sub(_escape, text[1:-1])


def _escape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) == 5:
        char = chr(int(code[1:], 16))
        return "�" if "\ud800" <= char <= "\udfff" else char
    return _ESCAPES.get(code, code)


def quote(text: str) -> str:
    """`text` as a single-quoted string of the mapping language and of FHIRPath."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    for char, code in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\f", "\\f")):
        escaped = escaped.replace(char, code)
    return f"'{escaped}'"
