"""StructureMap resources (R4), read into a map that keeps what they say.

https://hl7.org/fhir/R4/structuremap.html
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from service.fhir.json import escape
from service.issues import Issue, issue
from service.mapping.lexer import Lexer
from service.mapping.model import (
    Call,
    Constant,
    Expression,
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
from service.mapping.parser import parse_map
from service.mapping.parser_rules import default_name
from service.mapping.render import render
from service.mapping.structuremap import AUTO, CONSTANT_EXTENSION
from service.mapping.structuremap_shape import misplaced
from service.mapping.terms import Cursor, Stop, as_literal


def from_resource(resource: Mapping[str, Any], file: str = "StructureMap") -> tuple[Map | None, list[Issue]]:
    """The map in a StructureMap resource (R4), and what is wrong with it; `file` names it in places."""
    issues: list[Issue] = []
    reader = _Reader(file, issues)
    if resource.get("resourceType") != "StructureMap" or not resource.get("group"):
        return None, [issue("fml.no-structuremap", where=file)]
    if wrong := misplaced(resource):
        return None, [issue("fml.structuremap-shape", where=f"{file}#{wrong[1]}", reason=wrong[0])]
    try:
        found = reader.map(resource)
    except (KeyError, TypeError, ValueError):
        return None, [issue("fml.no-structuremap", where=str(reader.at))]
    # The text form has all checks; a map that cannot be written so cannot be run either.
    _, problems = parse_map(render(replace(found, conceptmaps=())), file)
    return (None if problems else found), problems


class _Reader:
    """Reads parts of a resource; `at` follows where, as `file#pointer`."""

    def __init__(self, file: str, issues: list[Issue]) -> None:
        self.file = file
        self.issues = issues
        self.at = Place(file, 1, 1)

    def map(self, resource: Mapping[str, Any]) -> Map:
        self.at = Place(self.file, 1, 1)
        constants = tuple(
            Constant(one["valueExpression"]["name"], Expression(one["valueExpression"]["expression"]), self.at)
            for one in resource.get("extension", ())
            if one["url"] == CONSTANT_EXTENSION
        )
        return Map(
            resource.get("url", ""),
            resource.get("name", ""),
            self.each(resource, "group", self.group),
            self.each(resource, "structure", self.structure),
            tuple(Import(one, self.at) for one in resource.get("import", ())),
            constants,
            tuple(one for one in resource.get("contained", ()) if one.get("resourceType") == "ConceptMap"),
            tuple(_metadata(resource)),
            self.file,
            self.at,
        )

    def each(self, holder: Mapping[str, Any], key: str, read: Callable[[Mapping[str, Any]], Any]) -> tuple[Any, ...]:
        """What `read` makes of each item; places name the pointer, for a resource has no lines of its own."""
        before, found = self.at, []
        base = before.file if "#" in before.file else f"{before.file}#"
        for index, one in enumerate(holder.get(key, ())):
            self.at = Place(f"{base}/{escape(key)}/{index}", 1, 1)
            found.append(read(one))
        self.at = before
        return tuple(found)

    def structure(self, one: Mapping[str, Any]) -> Structure:
        return Structure(one["url"], one["mode"], one.get("alias"), one.get("documentation"), self.at)

    def group(self, one: Mapping[str, Any]) -> Group:
        at = self.at
        mode = {"types": "types", "type-and-types": "type+"}.get(one.get("typeMode", "none"))
        inputs = self.each(one, "input", lambda row: Input(row["name"], row["mode"], row.get("type"), self.at))
        rules = self.each(one, "rule", self.rule)
        return Group(one["name"], inputs, one.get("extends"), mode, rules, one.get("documentation"), at)

    def rule(self, one: Mapping[str, Any]) -> Rule:
        at = self.at
        sources = self.each(one, "source", self.source)
        targets = self.each(one, "target", self.target)
        auto = len(sources) == len(targets) == 1 and sources[0].variable == targets[0].variable == AUTO
        if auto:
            sources = (_renamed(sources[0]),)
            targets = (Target(targets[0].context, targets[0].path, at=targets[0].at),)
        calls = self.each(one, "dependent", self.call)
        rules = self.each(one, "rule", self.rule)
        return Rule(
            one.get("name") or default_name(sources), sources, targets, calls, rules, one.get("documentation"), at
        )

    def source(self, one: Mapping[str, Any]) -> Source:
        default = next((value for key, value in one.items() if key.startswith("defaultValue")), None)
        param = None
        if isinstance(default, Mapping):
            param = Param("expression", default["expression"], self.at)
        elif default is not None:
            param = Param("literal", _primitive(default), self.at)
        expressions = [one.get(key) for key in ("condition", "check", "logMessage")]
        where, check, log = (Expression(text, self.at) if text else None for text in expressions)
        path = _steps(one.get("element", ""))
        return Source(
            one["context"], path, one.get("type"), one.get("min"), one.get("max", "*" if "min" in one else None),
            param, one.get("listMode"), one.get("variable"), where, check, log, self.at,
        )  # fmt: skip

    def target(self, one: Mapping[str, Any]) -> Target:
        transform = one.get("transform")
        params = tuple(self.parameter(row) for row in one.get("parameter", ()))
        if transform == "evaluate" and params:
            params = (*params[:-1], Param("expression", params[-1].value, self.at))
        modes, share = tuple(one.get("listMode", ())), one.get("listRuleId")
        path = _steps(one.get("element", ""))
        return Target(one.get("context"), path, transform, params, one.get("variable"), modes, share, self.at)

    def parameter(self, one: Mapping[str, Any]) -> Param:
        ((key, value),) = ((key, _primitive(value)) for key, value in one.items() if not key.startswith("_"))
        # Other engines copy a path of a variable (`v.a.b`) as an id.
        kind = "literal" if key != "valueId" else "expression" if "." in str(value) else "variable"
        return Param(kind, value, self.at)

    def call(self, one: Mapping[str, Any]) -> Call:
        words = one.get("variable")
        if words is None:
            params = tuple(self.parameter(row) for row in one.get("parameter", ()))
        else:
            params = tuple(self.argument(word) for word in words)
        return Call(one["name"], params, self.at)

    def argument(self, word: str) -> Param:
        literal = as_literal(word)
        if literal is not None:
            return Param("literal", literal, self.at)
        plain = word.replace("_", "a").isalnum()
        return Param("variable" if plain else "expression", word, self.at)


def _primitive(value: Any) -> str | int | Decimal | bool:
    """`value`, which the mapping language can only write where it is a text, a number or a truth."""
    if not isinstance(value, str | int | Decimal):
        raise TypeError
    return value


def _renamed(source: Source) -> Source:
    return Source(
        source.context, source.path, source.type, source.min, source.max, source.default, source.list_mode, None,
        source.where, source.check, source.log, source.at,
    )  # fmt: skip


def _steps(element: str) -> tuple[str, ...]:
    """The steps of an element path, whose names may stand in backticks."""
    if not element:
        return ()
    lexer = Lexer(element, "")
    cursor = Cursor(lexer.tokens(), lexer)
    try:
        path = cursor.path()
    except Stop:
        return (element,)
    return tuple(path) if cursor.token.kind == "end" else (element,)


_BODY = frozenset({"resourceType", "id", "url", "name", "contained", "structure", "import", "group", "text", "meta"})


def _metadata(resource: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The further elements of the resource as metadata lines."""
    found: list[tuple[str, Any]] = []
    for key, value in resource.items():
        draft = key == "status" and value == "draft"
        if key not in _BODY and key != "extension" and not draft:
            _lines(key, value, found)
    return found


def _lines(path: str, value: Any, found: list[tuple[str, Any]]) -> None:
    if isinstance(value, list):
        for one in value:
            if isinstance(one, Mapping):
                found.append((path, None))
                for key, inner in one.items():
                    _lines(f"{path}.{key}", inner, found)
            else:
                _lines(path, one, found)
    elif isinstance(value, Mapping):
        found.append((path, None))
        for key, inner in value.items():
            _lines(f"{path}.{key}", inner, found)
    else:
        found.append((path, value))
