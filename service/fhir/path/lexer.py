"""The words of a FHIRPath expression, each with its place. http://hl7.org/fhirpath/N1/grammar.html"""

import re
from dataclasses import dataclass

from service.fhir.path.errors import Place, failure

MAX_LENGTH = 100_000

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n\f\u00a0\ufeff]+|//[^\r\n]*|/\*.*?\*/)
    | (?P<datetime>@[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?
        (?:T(?:[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)
    | (?P<time>@T[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?)
    | (?P<number>[0-9]+(?:\.[0-9]+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`(?:[^`\\]|\\.)*`)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<special>\$[a-z]+)
    | (?P<mark><=|>=|!=|!~|/(?!\*)|[-+*&|=~<>.,()\[\]{}%])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"`": "`", "'": "'", "\\": "\\", "/": "/", '"': '"', "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `kind` names it, `text` is as written, without quotes and with escapes undone."""

    kind: str
    text: str
    place: Place


def tokens(expression: str) -> list[Token]:
    """All tokens of `expression`, the last of kind `end`; `PathError` for what is none."""
    if len(expression) > MAX_LENGTH:
        raise failure("too-long", size=len(expression), most=MAX_LENGTH)
    found: list[Token] = []
    at, line, start = 0, 1, 0
    while at < len(expression):
        place = (line, at - start + 1)
        match = _TOKEN.match(expression, at)
        if match is None:
            raise _unreadable(expression, at, place)
        kind, text = str(match.lastgroup), match[0]
        if kind != "space":
            found.append(Token(kind, _unquoted(kind, text, place), place))
        if "\n" in text:
            line += text.count("\n")
            start = at + text.rindex("\n") + 1
        at = match.end()
    found.append(Token("end", "", (line, at - start + 1)))
    return found


def _unquoted(kind: str, text: str, place: Place) -> str:
    if kind not in ("string", "quoted"):
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner

    def undo(match: re.Match[str]) -> str:
        name = match[1]
        if len(name) == 5:
            return chr(int(name[1:], 16))
        if name not in _ESCAPES:
            raise failure("escape", place, value=f"\\{name}")
        return _ESCAPES[name]

    # A surrogate pair is written as two escapes and is one character.
    plain = _ESCAPE.sub(undo, inner)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unreadable(expression: str, at: int, place: Place) -> Exception:
    if expression.startswith("/*", at):
        return failure("unclosed", place, what="/*", close="*/")
    if expression[at] in "'`":
        return failure("unclosed", place, what=expression[at], close=expression[at])
    return failure("syntax", place, found=expression[at], expected="an expression")
