"""The parser of the FHIR Mapping Language: text to `Map`, by recursive descent, going on after an error.

https://hl7.org/fhir/R4/mapping-language.html#grammar, and the newer spellings of
https://build.fhir.org/ig/HL7/mapping-language-ig/grammar.html
"""

from typing import Any

from service.issues import Issue, has_errors, issue
from service.mapping.lexer import Lexer
from service.mapping.metadata import read_metadata
from service.mapping.model import Constant, Group, Import, Input, Map, Structure
from service.mapping.parser_conceptmap import read_conceptmap
from service.mapping.parser_rules import RuleParser
from service.mapping.terms import Cursor, Stop, read_expression

MAX_ISSUES = 50
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


class _Parser(RuleParser):
    """Reads a whole map."""

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
                    conceptmaps.append(read_conceptmap(cursor))
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
