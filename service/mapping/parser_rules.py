"""The parser of rules: sources, targets, calls and what is inside them.

https://hl7.org/fhir/R4/mapping-language.html#grammar
"""

from typing import Any

from service.mapping.lexer import unquote
from service.mapping.model import Call, Param, Place, Rule, Source, Target
from service.mapping.terms import Cursor, Stop, as_literal, read_expression, read_param

MAX_DEPTH = 60
SOURCE_MODES = ("first", "not_first", "last", "not_last", "only_one")
TARGET_MODES = ("first", "last", "share", "single", "collate")


class RuleParser:
    """Reads the rules of a group."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def rules(self, depth: int) -> tuple[Rule, ...]:
        cursor = self.cursor
        cursor.expect("{")
        found: list[Rule] = []
        while not cursor.take("}"):
            if cursor.token.kind == "end" or (cursor.token.is_("group") and cursor.starts_line()):
                cursor.stop("fml.open-brace", cursor.place())
            try:
                found += self.rule(depth)
            except Stop:
                if cursor.full:
                    raise
                self.recover_rule()
        return tuple(found)

    def recover_rule(self) -> None:
        """Skips what is left of a broken rule: to its `;`, or to the `}` of the rules around it."""
        cursor = self.cursor
        depth = 0
        while cursor.token.kind != "end":
            if cursor.token.is_("group") and cursor.starts_line():
                return
            if cursor.token.is_("{"):
                depth += 1
            elif cursor.token.is_("}"):
                if depth == 0:
                    return
                depth -= 1
            elif cursor.token.is_(";") and depth == 0:
                cursor.next()
                return
            cursor.next()

    def rule(self, depth: int) -> list[Rule]:
        cursor = self.cursor
        at, comment = cursor.place(), cursor.token.comment
        if depth > MAX_DEPTH:
            cursor.abandon("fml.too-deep", at, most=MAX_DEPTH)
        if cursor.token.is_("for") and cursor.ahead(1).kind in ("name", "quoted"):
            cursor.next()
        sources = [self.source()]
        while cursor.take(","):
            sources.append(self.source())
        targets: list[Target] = []
        if cursor.take("->"):
            targets.append(self.target())
            if cursor.take(":"):
                return self.shorthand(sources, targets, at)
            while cursor.take(","):
                targets.append(self.target())
        calls: list[Call] = []
        rules: tuple[Rule, ...] = ()
        if cursor.take("then"):
            if not cursor.token.is_("{"):
                calls.append(self.call())
                while cursor.take(","):
                    calls.append(self.call())
            if cursor.token.is_("{"):
                rules = self.rules(depth + 1)
        name = self.rule_name()
        last = cursor.expect(";", "fml.semicolon")
        parts = (tuple(sources), tuple(targets), tuple(calls), rules)
        return [Rule(name or default_name(parts[0]), *parts, comment or last.trailing, at)]

    def rule_name(self) -> str | None:
        token = self.cursor.token
        if token.kind in ("double", "string"):
            return unquote(self.cursor.next().text)
        if token.kind == "name" and self.cursor.ahead(1).is_(";"):
            return self.cursor.next().text
        return None

    def shorthand(self, sources: list[Source], targets: list[Target], at: Place) -> list[Rule]:
        """`src -> tgt: a, b;` stands for `src.a -> tgt.a; src.b -> tgt.b;`."""
        cursor = self.cursor
        if len(sources) != 1 or sources[0].path or targets[0].path or targets[0].context is None:
            cursor.stop("fml.shorthand", at)
        made: list[Rule] = []
        while True:
            place = cursor.place()
            name = cursor.identifier()
            source = Source(sources[0].context, (name,), at=place)
            made.append(Rule(name, (source,), (Target(targets[0].context, (name,), at=place),), at=place))
            if not cursor.take(","):
                break
        cursor.expect(";", "fml.semicolon")
        return made

    def source(self) -> Source:
        cursor = self.cursor
        at = cursor.place()
        context, *path = cursor.path()
        given: dict[str, Any] = {}
        while True:
            token = cursor.token
            if token.is_(":") and "type" not in given:
                cursor.next()
                given["type"] = cursor.dotted()
            elif token.kind == "number" and "min" not in given:
                given["min"], given["max"] = self.cardinality()
            elif token.is_("default") and "default" not in given:
                cursor.next()
                given["default"] = self.default()
            elif token.is_(*SOURCE_MODES) and "list_mode" not in given:
                given["list_mode"] = cursor.next().text
            elif token.is_("as") and "variable" not in given:
                cursor.next()
                given["variable"] = cursor.identifier()
            elif token.is_("where", "check", "log") and token.text not in given:
                cursor.next()
                given[token.text] = read_expression(cursor)
            else:
                break
        return Source(context, tuple(path), at=at, **given)

    def default(self) -> Param:
        param = read_param(self.cursor)
        literal = as_literal(str(param.value)) if param.kind == "expression" else None
        return param if literal is None else Param("literal", literal, param.at)

    def cardinality(self) -> tuple[int, str]:
        cursor = self.cursor
        low = cursor.next().text
        cursor.expect("..")
        if not (cursor.token.is_("*") or cursor.token.text.isdecimal()) or not low.isdecimal():
            cursor.unexpected("a cardinality such as `0..1` or `1..*`")
        if len(low) > 9:
            cursor.stop("fml.unexpected", cursor.place(), found=low, expected="a cardinality such as `0..1` or `1..*`")
        return int(low), cursor.next().text

    def target(self) -> Target:
        cursor = self.cursor
        at = cursor.place()
        context: str | None = None
        path: tuple[str, ...] = ()
        transform: str | None = None
        params: list[Param] = []
        if cursor.token.is_("("):
            transform, params = "evaluate", [read_param(cursor)]
        elif cursor.token.kind == "name" and cursor.ahead(1).is_("("):
            transform, params = cursor.next().text, self.params()
        else:
            context, *rest = cursor.path()
            path = tuple(rest)
            if cursor.take("="):
                transform, params = self.transform()
        variable = cursor.identifier() if cursor.take("as") else None
        modes: list[str] = []
        share = None
        while cursor.token.is_(*TARGET_MODES):
            modes.append(cursor.next().text)
            if modes[-1] == "share":
                share = cursor.identifier()
        return Target(context, path, transform, tuple(params), variable, tuple(modes), share, at)

    def transform(self) -> tuple[str, list[Param]]:
        cursor = self.cursor
        if cursor.token.kind == "name" and cursor.ahead(1).is_("("):
            return cursor.next().text, self.params()
        param = read_param(cursor)
        if param.kind == "expression" and param.value != "{}":
            return "evaluate", [param]
        return "copy", [param]

    def params(self) -> list[Param]:
        cursor = self.cursor
        cursor.expect("(")
        found: list[Param] = []
        while not cursor.take(")"):
            if found:
                cursor.expect(",")
            found.append(read_param(cursor, listed=True))
        return found

    def call(self) -> Call:
        at = self.cursor.place()
        name = self.cursor.identifier()
        return Call(name, tuple(self.params()), at)


def default_name(sources: tuple[Source, ...]) -> str:
    """The name of a rule that gives none: its first source element, with the type where one is asked for."""
    first = sources[0]
    name = first.path[-1] if first.path else first.context
    return f"{name}-{first.type}" if first.type else name
