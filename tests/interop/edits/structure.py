"""Edits of the shape: what is missing, too much, unknown, of the wrong form, or empty."""

import copy
from typing import Any

from tests.interop.nodes import absent
from tests.interop.tools import Tools

LEXICAL: dict[str, tuple[Any, ...]] = {
    "base64Binary": ("not base64!", "VGV", "VGVrc3Rp"),
    "boolean": ("true", 1, "yes"),
    "canonical": ("a b", "not a uri", "https://yhdessa.example/fhir/x|1.0", ""),
    "code": (" a", "a ", "a  b", "\t"),
    "date": ("2024-02-30", "2024-13-01", "24-01-01", "2024-1-1", "2024-05-06T10:00:00Z", "06.05.2024", "2024-05", "2024"),
    "dateTime": (
        "2024-02-30", "2024-05-06T10:00:00", "2024-05-06T10:00+03:00", "2024-05-06T25:00:00Z", "2024-05-06 10:00:00Z",
        "2024-05-06T10:00:00+15:00", "2024-05-06T10:00:00.123456Z", "2024-05", "2024", "tomorrow", "2024-05-06T24:00:00Z",
    ),  # fmt: skip
    "decimal": ("1.5", "abc", 1.50),
    "id": ("a_b", "a" * 65, "", "a b", "A.b-1"),
    "instant": ("2024-05-06", "2024-05-06T10:00:00", "2024-05-06T10:00:00Z", "2024-05-06T10:00Z", "2024-02-30T10:00:00Z"),
    "integer": (1.5, "1", 3000000000, -1),
    "markdown": ("", "   ", "rivi\n\n* kohta", " alku"),
    "oid": ("1.2.3", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1.2.3"),
    "positiveInt": (0, -1, "1", 1.5, 7),
    "string": ("", "   ", "a\u0001b", " alku", "loppu ", "rivi\nrivi", 5, True),
    "unsignedInt": (-1, "1", 1.5, 0),
    "uri": ("a b", "urn:oid:3.1", "urn:uuid:x", "http://", "urn:oid:1.2.246.10.1", "kotka"),
    "url": ("a b", "https://yhdessa.example/ä", "http://", "kotka", "https://yhdessa.example/x y"),
    "xhtml": ("<div>ilman nimiavaruutta</div>", "teksti", ""),
}  # fmt: skip
FORMS: tuple[Any, ...] = ("teksti", 7, True, {"id": "a"}, ["teksti"], [], [{"text": "teksti"}], 1.5)
EMPTY: tuple[Any, ...] = ("", None, {}, [], [None], [{}], {"extension": []}, [""], " ")


def missing(tools: Tools) -> str | None:
    """One value less."""
    node = tools.node()
    if node is None:
        return None
    node.remove()
    return node.path


def repeated(tools: Tools) -> str | None:
    """An item once or many times more."""
    node = tools.one([one for one in tools.nodes if one.index is not None])
    if node is None:
        return None
    node.holder[node.key].extend(copy.deepcopy(node.value) for _ in range(tools.rng.choice((1, 1, 2, 8))))
    return node.path


def added(tools: Tools) -> str | None:
    """An element that R4 has and this resource has not; our profiles and the Finnish ones forbid some."""
    holder, type_name, at = tools.place()
    found = tools.one(absent(tools.definitions, holder, type_name, at))
    if found is None:
        return None
    key, element, code = found
    value = tools.sample(element, code, type_name)
    if value is None or "contentReference" in element:
        return None
    holder[key] = [value] if element["max"] != "1" else value
    return f"{at}.{key}"


def unknown(tools: Tools) -> str | None:
    """A key that nobody knows."""
    holder, _, at = tools.place()
    how = tools.rng.randrange(7)
    if how == 0:
        holder[tools.rng.choice(("unknown", "Id", "values", "xid", "fhir_comments", "_unknown", "@id"))] = "teksti"
    elif how == 1:
        holder["_resourceType"] = {"id": "a"}
    elif how == 2:
        tools.resource["resourceType"] = tools.rng.choice(
            ("patient", "Patients", "", "Resource", "DomainResource", "Element")
        )
    elif how == 3:
        del tools.resource["resourceType"]
    else:
        key = tools.rng.choice(sorted(holder))
        if key == "resourceType":
            return None
        name = tools.rng.choice((key[0].upper() + key[1:], key + "s", "_" + key, key[:-1] or "x", "modifier" + key))
        holder[name] = holder.pop(key) if how < 6 else holder[key]
        return f"{at}.{key} as {name}"
    return f"{at} ({how})"


def lexical(tools: Tools) -> str | None:
    """A primitive that is not written as its type demands, or just so."""
    node = tools.node(*LEXICAL)
    if node is None:
        return None
    value = tools.rng.choice(LEXICAL[node.type])
    node.put(value)
    return f"{node.path} = {value!r}"


def form(tools: Tools) -> str | None:
    """Another JSON type."""
    node = tools.node()
    if node is None:
        return None
    how = tools.rng.randrange(4)
    if how == 0:
        value = [node.value] if node.index is None else node.value
        node.holder[node.key] = value
    else:
        value = tools.rng.choice(FORMS)
        node.put(copy.deepcopy(value))
    return f"{node.path}: {type(value).__name__}"


def empty(tools: Tools) -> str | None:
    """Nothing where something should be, with and without an `_` sibling."""
    node = tools.node()
    if node is None:
        return None
    how = tools.rng.randrange(4)
    if how < 2:
        value = copy.deepcopy(tools.rng.choice(EMPTY))
        if how == 1:
            node.holder[node.key] = value
        else:
            node.put(value)
        return f"{node.path} = {value!r}"
    primitive = node.type[:1].islower() and node.type != "xhtml"
    sibling = tools.rng.choice(
        (None, {}, {"id": "a"}, [None], [{"id": "a"}], {"extension": [{"url": "https://e.fi/x", "valueCode": "a"}]})
    )
    if how == 3 and primitive:
        node.remove()
    node.holder["_" + node.key] = copy.deepcopy(sibling)
    return f"_{node.path} = {sibling!r}"
