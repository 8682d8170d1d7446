"""Reading names, values and FHIRPath inside a map: a cursor over the tokens, and where an expression ends.

https://hl7.org/fhir/R4/mapping-language.html#grammar, http://hl7.org/fhirpath/N1/grammar.html
"""

import re
from decimal import Decimal
from typing import Any, NoReturn

from service.issues import Issue, issue
from service.mapping.lexer import Lexer, Token, unquote
from service.mapping.model import Expression, Param, Place

_OPERATORS = frozenset({"and", "or", "xor", "implies", "in", "contains", "is", "as", "div", "mod"})
_UNITS = re.compile(r"(?:year|month|week|day|hour|minute|second|millisecond)s?\Z")
_MARKS = frozenset(
    {"+", "-", "*", "/", "&", "|", "=", "~", "!=", "!~", "<", ">", "<=", ">=", ".", "%", "$", "<-", ">-", "--"}
)
_STOPS = frozenset({"->", ";", "{", "}", "<<", ">>", ":", "==", ".."})
# What is longer is left to FHIRPath, which refuses it.
_INTEGER = re.compile(r"-?\d{1,1000}")
_DECIMAL = re.compile(r"-?\d+\.\d+")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_]\w*|`[^`\\]*`")
_MOST = 50


class Stop(Exception):
    """The rule at hand cannot be read on; its issue has been noted."""


class Cursor:
    """Where the parser stands; notes issues with their place."""

    def __init__(self, tokens: list[Token], lexer: Lexer) -> None:
        self.tokens = tokens
        self.lexer = lexer
        self.issues: list[Issue] = []
        self.full = False
        self.token = tokens[0]
        self._at = 0

    def ahead(self, steps: int) -> Token:
        return self.tokens[min(self._at + steps, len(self.tokens) - 1)]

    def next(self) -> Token:
        token = self.token
        if token.kind != "end":
            self._at += 1
            self.token = self.tokens[self._at]
        return token

    def before(self, token: Token) -> str:
        """The text of `token`, or of the word before it where it is a mark."""
        return token.text if token.kind == "name" else self.tokens[self._at - 2].text

    def place(self, token: Token | None = None) -> Place:
        return self.lexer.place((token or self.token).start)

    def starts_line(self) -> bool:
        """Whether nothing but white space stands before the token on its line."""
        text, at = self.lexer.text, self.token.start - 1
        while at >= 0 and text[at] != "\n" and text[at].isspace():
            at -= 1
        return at < 0 or text[at] == "\n"

    def take(self, text: str) -> bool:
        token = self.token
        if token.text == text and token.kind in ("op", "name"):
            self.next()
            return True
        return False

    def expect(self, text: str, key: str = "") -> Token:
        if not self.token.is_(text):
            if key:
                self.stop(key, self.lexer.place(self.tokens[self._at - 1].end), found=self.token.text or "the end")
            self.unexpected(f"`{text}`")
        return self.next()

    def report(self, key: str, place: Place, **params: Any) -> None:
        self.full = self.full or len(self.issues) >= _MOST
        if not self.full:
            self.issues.append(issue(key, where=str(place), line=place.line, column=place.column, **params))

    def stop(self, key: str, place: Place, **params: Any) -> NoReturn:
        self.report(key, place, **params)
        raise Stop

    def abandon(self, key: str, place: Place, **params: Any) -> NoReturn:
        """Gives the whole file up."""
        self.report(key, place, **params)
        self.full = True
        self._at = len(self.tokens) - 1
        self.token = self.tokens[-1]
        raise Stop

    def unexpected(self, expected: str) -> NoReturn:
        if self.token.kind == "end":
            self.stop("fml.ends-early", self.place(), expected=expected)
        self.stop("fml.unexpected", self.place(), found=self.token.text, expected=expected)

    def identifier(self) -> str:
        if self.token.kind == "name":
            return self.next().text
        if self.token.kind == "quoted":
            return unquote(self.next().text)
        return self.unexpected("a name")

    def text_value(self) -> str:
        if self.token.kind in ("double", "string", "quoted"):
            return unquote(self.next().text)
        return self.unexpected('a text in quotes (`"…"`)')

    def name_or_string(self) -> str:
        return self.identifier() if self.token.kind == "name" else self.text_value()

    def path(self) -> list[str]:
        steps = [self.identifier()]
        while self.take("."):
            steps.append(self.identifier())
        return steps

    def dotted(self) -> str:
        if self.token.kind in ("double", "string"):
            return self.text_value()
        return ".".join(self.path())

    def code(self) -> str:
        """A code: quoted, or a run of words, digits, dots and dashes without a space."""
        if self.token.kind in ("double", "string", "quoted"):
            return unquote(self.next().text)
        if self.token.kind not in ("name", "number"):
            self.unexpected("a code")
        first = last = self.next()
        while self.token.start == last.end and (
            self.token.kind in ("name", "number")
            or (self.token.is_("-", ".") and self.ahead(1).start == self.token.end)
        ):
            last = self.next()
        return self.lexer.text[first.start : last.end]


def read_expression(cursor: Cursor, *, listed: bool = False) -> Expression:
    """FHIRPath up to where it cannot go on: a mark of the map, or an operand right after an operand.

    Two operands never stand side by side in FHIRPath, so old maps without parentheses are read too. `listed`: in a
    list of parameters, where only `,` and `)` end it.
    """
    first = cursor.token
    last: Token | None = None
    depth = 0
    operand_due = True
    while cursor.token.kind != "end":
        token = cursor.token
        mark = token.text if token.kind == "op" else ""
        if mark in ("(", "["):
            depth += 1
            operand_due = True
        elif mark in (")", "]"):
            if depth == 0:
                break
            depth -= 1
            operand_due = False
        elif mark == "{" and cursor.ahead(1).is_("}") and (operand_due or depth):
            cursor.next()
            operand_due = False
        elif mark == ",":
            if depth == 0:
                break
            operand_due = True
        elif mark in _STOPS:
            break
        elif mark in _MARKS or (
            token.kind == "name"
            and not operand_due
            and token.text in _OPERATORS
            and not _ends_as(cursor, depth, listed)
        ):
            operand_due = True
        elif operand_due or depth or _is_unit(last, token):
            operand_due = False
        else:
            break
        last = cursor.next()
    if last is None or depth:
        cursor.unexpected("a FHIRPath expression" if last is None else "`)`")
    text, start = _bare(cursor.lexer.text[first.start : last.end])
    return Expression(text, cursor.lexer.place(first.start + start))


def _ends_as(cursor: Cursor, depth: int, listed: bool) -> bool:
    """`as` names the variable of a target (`= a & b as x`), unless it clearly is a type test."""
    return cursor.token.text == "as" and depth == 0 and not listed


def _is_unit(last: Token | None, token: Token) -> bool:
    if last is None or last.kind != "number":
        return False
    return token.kind == "string" or (token.kind == "name" and _UNITS.match(token.text) is not None)


def _bare(text: str) -> tuple[str, int]:
    """`text` without parentheses around all of it (`(a = 1)` and `a = 1` are one expression), and where it starts."""
    start, end = 0, len(text)
    closes = _pairs(text) if text.startswith("(") else {}
    while closes.get(start) == end - 1:
        start, end = start + 1, end - 1
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
    return text[start:end], start


_PARENTHESES = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`|[()]", re.DOTALL)


def _pairs(text: str) -> dict[int, int]:
    """Where each parenthesis of `text` is closed."""
    found: dict[int, int] = {}
    stack: list[int] = []
    for match in _PARENTHESES.finditer(text):
        if match[0] == "(":
            stack.append(match.start())
        elif match[0] == ")" and stack:
            found[stack.pop()] = match.start()
    return found


def read_param(cursor: Cursor, *, listed: bool = False) -> Param:
    """A variable, a literal, or any other FHIRPath expression."""
    place = cursor.place()
    token = cursor.token
    if token.kind == "double":
        cursor.next()
        return Param("literal", unquote(token.text), place)
    parenthesised = token.is_("(")
    expression = read_expression(cursor, listed=listed)
    if not parenthesised:
        literal = as_literal(expression.text)
        if literal is not None:
            return Param("literal", literal, place)
        if _VARIABLE.fullmatch(expression.text):
            return Param("variable", expression.text.strip("`"), place)
    return Param("expression", expression.text, place)


def as_literal(text: str) -> str | int | Decimal | bool | None:
    """The value of a literal that a StructureMap parameter can hold; None for any other text."""
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    if _STRING.fullmatch(text):
        return unquote(text)
    return None
