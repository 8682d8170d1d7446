"""The parser of ConceptMaps that stand in a map.

https://build.fhir.org/ig/HL7/mapping-language-ig/grammar.html
"""

from typing import Any

from service.mapping.conceptmaps import RELATIONS, embedded
from service.mapping.terms import Cursor


def read_conceptmap(cursor: Cursor) -> dict[str, Any]:
    """A ConceptMap resource; the cursor stands at `conceptmap`."""
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
            source = _prefix(cursor, prefixes)
            cursor.expect("=")
            unmapped[source] = _unmapped(cursor)
            continue
        source = _prefix(cursor, prefixes)
        cursor.expect(":")
        code = cursor.code()
        relation = cursor.token.text
        if cursor.token.kind != "op" or relation not in RELATIONS:
            cursor.unexpected("a relation such as `-`, `==` or `<=`")
        cursor.next()
        if relation == "--":
            rows.append((source, code, relation, None, None))
            continue
        target = _prefix(cursor, prefixes)
        cursor.expect(":")
        rows.append((source, code, relation, target, cursor.code()))
        cursor.take(";")
    return embedded(identifier, unmapped, rows)


def _prefix(cursor: Cursor, prefixes: dict[str, str]) -> str:
    place = cursor.place()
    name = cursor.identifier()
    if name not in prefixes:
        cursor.stop("fml.unknown-prefix", place, name=name, known=", ".join(prefixes) or "-")
    return prefixes[name]


def _unmapped(cursor: Cursor) -> tuple[str, str]:
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
