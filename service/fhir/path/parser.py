"""The FHIRPath parser: precedence climbing over the tokens, with limits so that no text can exhaust the stack.

http://hl7.org/fhirpath/N1/#operator-precedence
"""

import functools
from decimal import Decimal

from service.fhir.path.ast import (
    AST,
    Binary,
    Call,
    Empty,
    Index,
    Literal,
    Member,
    Special,
    TypeTest,
    Unary,
    Variable,
)
from service.fhir.path.errors import PathError, Place, failure
from service.fhir.path.lexer import Token, tokens
from service.fhir.path.moments import parse_literal
from service.fhir.path.quantities import CALENDAR, Quantity

MAX_NESTING = 80
MAX_HEIGHT = 150

_PRECEDENCE = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "~": 5,
    "!=": 5,
    "!~": 5,
    "<=": 6,
    "<": 6,
    ">": 6,
    ">=": 6,
    "|": 7,
    "is": 8,
    "as": 8,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
# Chains of these compile to one loop, so that a list of a thousand codes is not a thousand levels deep.
FLAT = frozenset({"|", "and", "or", "+", "&"})
_OPERATOR_WORDS = frozenset(word for word in _PRECEDENCE if word.isalpha())
# The grammar lets these words stand as names, the other operators only in backticks.
_SOFT_WORDS = frozenset({"as", "contains", "in", "is"})


@functools.lru_cache(2048)
def parse(expression: str) -> AST:
    """The syntax tree of `expression`; `PathError` with line and column where it is no FHIRPath."""
    reader = _Reader(tokens(expression))
    tree = reader.expression(1)
    reader.expect_end()
    return tree


class _Reader:
    def __init__(self, words: list[Token]) -> None:
        self.words = words
        self.at = 0
        self.nesting = 0
        self.heights: dict[int, int] = {}

    @property
    def word(self) -> Token:
        return self.words[self.at]

    def next(self) -> Token:
        word = self.words[self.at]
        if word.kind != "end":
            self.at += 1
        return word

    def is_mark(self, text: str) -> bool:
        word = self.words[self.at]
        return word.kind == "mark" and word.text == text

    def expect(self, text: str) -> None:
        if not self.is_mark(text):
            raise self.unexpected(f"`{text}`")
        self.at += 1

    def expect_end(self) -> None:
        if self.word.kind != "end":
            raise self.unexpected("an operator or the end")

    def unexpected(self, expected: str) -> PathError:
        word = self.word
        if word.kind == "end":
            return failure("ends-early", word.place, expected=expected)
        return failure("syntax", word.place, found=word.text, expected=expected)

    def built(self, node: AST, *below: AST, flat: bool = False) -> AST:
        """`node`, once its height above `below` is known to be bearable; `flat`: the first adds no level."""
        heights = [self.heights.get(id(child), 1) for child in below]
        height = max(heights[0], *(one + 1 for one in heights[1:])) if flat else 1 + max(heights, default=0)
        if height > MAX_HEIGHT:
            raise failure("too-deep", node.place, most=MAX_HEIGHT)
        self.heights[id(node)] = height
        return node

    def expression(self, lowest: int) -> AST:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise failure("too-deep", self.word.place, most=MAX_NESTING)
        left = self.unary()
        while True:
            word = self.word
            strength = _PRECEDENCE.get(word.text, 0) if word.kind in ("mark", "word") else 0
            if strength < lowest or not strength:
                self.nesting -= 1
                return left
            self.at += 1
            if word.text in ("is", "as"):
                namespace, name = self.type_name()
                left = self.built(TypeTest(word.place, word.text, left, namespace, name), left)
                continue
            right = self.expression(strength + 1)
            flat = word.text in FLAT and isinstance(left, Binary) and left.operator == word.text
            left = self.built(Binary(word.place, word.text, left, right), left, right, flat=flat)

    def unary(self) -> AST:
        signs: list[Token] = []
        while self.is_mark("-") or self.is_mark("+"):
            signs.append(self.next())
        node = self.postfix()
        for sign in reversed(signs):
            node = self.built(Unary(sign.place, sign.text, node), node)
        return node

    def postfix(self) -> AST:
        node = self.term()
        while True:
            place = self.word.place
            if self.is_mark("."):
                self.at += 1
                node = self.invocation(node)
            elif self.is_mark("["):
                self.at += 1
                index = self.expression(1)
                self.expect("]")
                node = self.built(Index(place, node, index), node, index)
            else:
                return node

    def term(self) -> AST:
        word = self.word
        match word.kind:
            case "number":
                return self.number()
            case "string":
                self.at += 1
                return Literal(word.place, word.text)
            case "datetime" | "time":
                self.at += 1
                moment = parse_literal(word.text)
                if moment is None:
                    raise failure("no-such-moment", word.place, value=word.text)
                return Literal(word.place, moment)
            case "special" | "word" | "quoted":
                return self.named()
        if self.is_mark("("):
            self.at += 1
            node = self.expression(1)
            self.expect(")")
            return node
        if self.is_mark("{"):
            self.at += 1
            self.expect("}")
            return Empty(word.place)
        if self.is_mark("%"):
            return self.variable()
        raise self.unexpected("a value, a name or `(`")

    def named(self) -> AST:
        word = self.word
        if word.kind == "word" and word.text in ("true", "false"):
            self.at += 1
            return Literal(word.place, word.text == "true")
        if word.kind == "word" and word.text in _OPERATOR_WORDS and word.text not in _SOFT_WORDS:
            raise self.unexpected("a value or a name (write an element of that name in backticks)")
        return self.invocation(None)

    def number(self) -> AST:
        word = self.next()
        after = self.word
        if after.kind == "string":
            self.at += 1
            return Literal(word.place, Quantity.of(word.text, after.text))
        if after.kind == "word" and after.text in CALENDAR:
            self.at += 1
            return Literal(word.place, Quantity(Decimal(word.text), CALENDAR[after.text], True))
        if "." in word.text:
            return Literal(word.place, Decimal(word.text))
        if len(word.text) > 1000:
            raise failure("too-long", word.place, size=len(word.text), most=1000)
        return Literal(word.place, int(word.text))

    def variable(self) -> AST:
        place = self.next().place
        word = self.word
        if word.kind not in ("word", "quoted", "string"):
            raise self.unexpected("the name of a variable")
        self.at += 1
        return Variable(place, word.text)

    def invocation(self, target: AST | None) -> AST:
        word = self.word
        below = () if target is None else (target,)
        if word.kind == "special":
            if word.text not in ("$this", "$index", "$total"):
                raise self.unexpected("`$this`, `$index` or `$total`")
            if target is not None:
                raise self.unexpected("a name")
            self.at += 1
            return Special(word.place, word.text[1:])
        if word.kind not in ("word", "quoted"):
            raise self.unexpected("a name")
        self.at += 1
        if self.is_mark("("):
            arguments = self.arguments()
            return self.built(Call(word.place, target, word.text, arguments), *below, *arguments)
        return self.built(Member(word.place, target, word.text), *below)

    def arguments(self) -> tuple[AST, ...]:
        self.expect("(")
        found: list[AST] = []
        if not self.is_mark(")"):
            found.append(self.expression(1))
            while self.is_mark(","):
                self.at += 1
                found.append(self.expression(1))
        self.expect(")")
        return tuple(found)

    def type_name(self) -> tuple[str | None, str]:
        first = self.name()
        if self.is_mark("."):
            self.at += 1
            return first, self.name()
        return None, first

    def name(self) -> str:
        word = self.word
        if word.kind not in ("word", "quoted"):
            raise self.unexpected("the name of a type")
        self.at += 1
        return word.text


__all__ = ["FLAT", "MAX_HEIGHT", "MAX_NESTING", "Place", "parse"]
