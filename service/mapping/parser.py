"""The parser of the FHIR Mapping Language: text to `Map`, by recursive descent, going on after an error.

https://hl7.org/fhir/R4/mapping-language.html#grammar, and the newer spellings of
https://build.fhir.org/ig/HL7/mapping-language-ig/grammar.html
"""

from typing import Any

from service.issues import Issue, has_errors, issue
from service.mapping.conceptmaps import RELATIONS, embedded
from service.mapping.lexer import Lexer, unquote
from service.mapping.metadata import read_metadata
from service.mapping.model import (
    Call,
    Constant,
    Group,
    Import,
    Input,
    Map,
    Param,
    Place,
    Rule,
    Source,
    Structure,
    Target,
)
from service.mapping.terms import Cursor, Stop, as_literal, read_expression, read_param

MAX_DEPTH = 60
MAX_ISSUES = 50
SOURCE_MODES = ("first", "not_first", "last", "not_last", "only_one")
TARGET_MODES = ("first", "last", "share", "single", "collate")
MODEL_MODES = ("source", "target", "queried", "produced")


def parse_map(text: str, file: str = "map") -> tuple[Map | None, list[Issue]]:
    """The map in `text` and what is wrong with it; None where an error leaves no map. `file` names it in places."""
    lexer = Lexer(text.removeprefix("\ufeff"), file)
    tokens = lexer.tokens()
    parser = _Parser(Cursor(tokens, lexer))
    found = parser.map() if len(tokens) > 1 else None
    issues = [*lexer.issues, *parser.cursor.issues]
    if len(tokens) == 1 and not issues:
        issues.append(issue("fml.empty", where=str(lexer.place(0)), line=1, column=1))
    return (None if has_errors(issues) else found), issues[:MAX_ISSUES]


class _Parser:
    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def map(self) -> Map:
        cursor = self.cursor
        at = cursor.place()
        metadata = read_metadata(cursor)
        url, name = "", ""
        conceptmaps: list[dict[str, Any]] = []
        structures: list[Structure] = []
        imports: list[Import] = []
        constants: list[Constant] = []
        groups: list[Group] = []
        while cursor.token.kind != "end":
            try:
                if cursor.take("map"):
                    url = cursor.text_value()
                    cursor.expect("=")
                    name = cursor.name_or_string()
                    cursor.take(";")
                elif cursor.token.is_("conceptmap", "conceptMap"):
                    conceptmaps.append(self.conceptmap())
                elif cursor.token.is_("uses"):
                    structures.append(self.structure())
                elif cursor.token.is_("imports"):
                    imports.append(self.import_())
                elif cursor.token.is_("let"):
                    constants.append(self.constant())
                elif cursor.token.is_("group"):
                    groups.append(self.group())
                elif cursor.token.kind == "meta":
                    metadata += read_metadata(cursor)
                else:
                    cursor.unexpected("`map`, `uses`, `imports`, `conceptmap`, `let` or `group`")
            except Stop:
                self.recover_top()
        for key, value in metadata:
            if key == "url":
                url = url or str(value)
            elif key == "name":
                name = name or str(value)
        if not groups and not cursor.issues:
            cursor.report("fml.no-group", at)
        said = [pair for pair in metadata if pair[0] not in ("url", "name") and pair != ("status", "draft")]
        return Map(
            url,
            name,
            tuple(groups),
            tuple(structures),
            tuple(imports),
            tuple(constants),
            tuple(conceptmaps),
            tuple(said),
            cursor.lexer.file,
            at,
        )

    def recover_top(self) -> None:
        cursor = self.cursor
        cursor.next()
        while cursor.token.kind != "end" and not (
            cursor.token.is_("group", "uses", "imports", "conceptmap", "let") and cursor.starts_line()
        ):
            cursor.next()

    def structure(self) -> Structure:
        cursor = self.cursor
        at = cursor.place()
        cursor.next()
        url = cursor.text_value()
        alias = cursor.identifier() if cursor.take("alias") else None
        cursor.expect("as")
        if not cursor.token.is_(*MODEL_MODES):
            cursor.unexpected("`source`, `target`, `queried` or `produced`")
        last = cursor.next()
        if cursor.token.is_(";"):
            last = cursor.next()
        return Structure(url, cursor.before(last), alias, last.trailing, at)

    def import_(self) -> Import:
        at = self.cursor.place()
        self.cursor.next()
        url = self.cursor.text_value()
        self.cursor.take(";")
        return Import(url, at)

    def constant(self) -> Constant:
        cursor = self.cursor
        at = cursor.place()
        cursor.next()
        name = cursor.identifier()
        cursor.expect("=")
        expression = read_expression(cursor)
        cursor.expect(";")
        return Constant(name, expression, at)

    def conceptmap(self) -> dict[str, Any]:
        cursor = self.cursor
        cursor.next()
        identifier = cursor.text_value().removeprefix("#")
        cursor.expect("{")
        prefixes: dict[str, str] = {}
        while cursor.take("prefix"):
            name = cursor.identifier()
            cursor.expect("=")
            prefixes[name] = cursor.text_value()
        unmapped: dict[str, tuple[str, str]] = {}
        rows: list[tuple[str, str, str, str | None, str | None]] = []
        while not cursor.take("}"):
            if cursor.token.is_("unmapped") and cursor.ahead(1).is_("for"):
                cursor.next()
                cursor.next()
                source = self.prefix(prefixes)
                cursor.expect("=")
                unmapped[source] = self.unmapped()
                continue
            source = self.prefix(prefixes)
            cursor.expect(":")
            code = cursor.code()
            relation = cursor.token.text
            if cursor.token.kind != "op" or relation not in RELATIONS:
                cursor.unexpected("a relation such as `-`, `==` or `<=`")
            cursor.next()
            if relation == "--":
                rows.append((source, code, relation, None, None))
                continue
            target = self.prefix(prefixes)
            cursor.expect(":")
            rows.append((source, code, relation, target, cursor.code()))
            cursor.take(";")
        return embedded(identifier, unmapped, rows)

    def prefix(self, prefixes: dict[str, str]) -> str:
        cursor = self.cursor
        place = cursor.place()
        name = cursor.identifier()
        if name not in prefixes:
            cursor.stop("fml.unknown-prefix", place, name=name, known=", ".join(prefixes) or "-")
        return prefixes[name]

    def unmapped(self) -> tuple[str, str]:
        cursor = self.cursor
        if cursor.take("provided"):
            return "provided", ""
        if cursor.take("fixed"):
            cursor.take("=")
            return "fixed", cursor.code()
        if cursor.token.is_("other") and cursor.ahead(1).is_("-"):
            for _ in range(3):
                cursor.next()
            cursor.take("=")
            return "other-map", cursor.text_value()
        if cursor.token.kind in ("double", "string"):
            return "fixed", cursor.text_value()
        return cursor.unexpected("`provided`, `fixed` with a code, or `other-map` with a url")

    def group(self) -> Group:
        cursor = self.cursor
        at, comment = cursor.place(), cursor.token.comment
        cursor.next()
        name = cursor.identifier()
        cursor.expect("(")
        inputs = [self.input()]
        while cursor.take(","):
            inputs.append(self.input())
        cursor.expect(")")
        extends = cursor.identifier() if cursor.take("extends") else None
        type_mode = None
        if cursor.take("<<"):
            type_mode = cursor.identifier()
            type_mode += "+" if cursor.take("+") else ""
            if type_mode not in ("types", "type+"):
                cursor.stop("fml.type-mode", at, value=type_mode)
            cursor.expect(">>")
        rules = self.rules(0)
        cursor.take(";")
        return Group(name, tuple(inputs), extends, type_mode, rules, comment, at)

    def input(self) -> Input:
        cursor = self.cursor
        at = cursor.place()
        if not cursor.token.is_("source", "target"):
            cursor.unexpected("`source` or `target`")
        mode = cursor.next().text
        name = cursor.identifier()
        return Input(name, mode, cursor.dotted() if cursor.take(":") else None, at)

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
