"""ConceptMaps: those embedded in a map, those given as resources, and the tables that `translate` looks codes up in.

https://hl7.org/fhir/R4/conceptmap.html, https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# How the relations are written in a map: https://hl7.org/fhir/R4/valueset-concept-map-equivalence.html
RELATIONS: Mapping[str, str] = {
    "-": "relatedto",
    "=": "equal",
    "==": "equivalent",
    "~": "inexact",
    "<=": "wider",
    "<-": "subsumes",
    ">=": "narrower",
    ">-": "specializes",
    "!=": "disjoint",
    "--": "unmatched",
}
SIGNS: Mapping[str, str] = {name: sign for sign, name in RELATIONS.items()}
# The R5 names of the same.
_R5 = {
    "related-to": "relatedto",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "not-related-to": "disjoint",
}
# A narrower or inexact target would say more than the source did, so it is never chosen; the rest in this order.
_RANK = {"equal": 0, "equivalent": 0, "relatedto": 1, "wider": 1, "subsumes": 1}

Row = tuple[str, str, str, str | None, str | None]


def embedded(identifier: str, unmapped: Mapping[str, tuple[str, str]], rows: Iterable[Row]) -> dict[str, Any]:
    """A ConceptMap resource of rows `(source system, code, sign, target system, code)`; unmapped by source system."""
    groups: dict[tuple[str, str | None], dict[str, Any]] = {}
    firsts: dict[str, tuple[str, str | None]] = {}
    elements: dict[tuple[int, str], dict[str, Any]] = {}
    for source, code, sign, target, target_code in rows:
        key = firsts.get(source, (source, None)) if target is None else (source, target)
        if (source, None) in groups and key[1] is not None and key not in groups:
            groups[key] = groups.pop((source, None)) | {"target": target}
            firsts[source] = key
        group = groups.setdefault(key, _group(source, target))
        firsts.setdefault(source, key)
        # The list of elements stays the same when its group gets a target.
        element = elements.get((id(group["element"]), code))
        if element is None:
            element = elements[id(group["element"]), code] = {"code": code, "target": []}
            group["element"].append(element)
        found = {"code": target_code} if target_code is not None else {}
        element["target"].append(found | {"equivalence": RELATIONS[sign]})
    for source in unmapped:
        if source not in firsts:
            groups[source, None] = _group(source, None)
    for (source, _), group in groups.items():
        if source in unmapped:
            mode, value = unmapped[source]
            name = {"fixed": "code", "other-map": "url"}.get(mode)
            group["unmapped"] = {"mode": mode} | ({name: value} if name else {})
    made: dict[str, Any] = {"resourceType": "ConceptMap", "id": identifier, "status": "draft"}
    return made | ({"group": list(groups.values())} if groups else {})


def _group(source: str, target: str | None) -> dict[str, Any]:
    return {"source": source} | ({"target": target} if target else {}) | {"element": []}


@dataclass(frozen=True, slots=True)
class Match:
    """What a code becomes; `system` and `display` may be unknown."""

    code: str
    system: str | None = None
    display: str | None = None
    coding: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, code: str, system: str | None, display: str | None = None) -> "Match":
        """A match with its Coding made once."""
        parts = {"system": system, "code": code, "display": display}
        return cls(code, system, display, {key: value for key, value in parts.items() if value})


@dataclass(frozen=True, slots=True)
class Table:
    """A ConceptMap ready for lookups; keys are `(system, code)`, and `(None, code)` for a code without a system.

    `codes` holds what becomes of each code that, without a system, becomes one thing; `codings` the same as Codings.
    """

    url: str
    matches: Mapping[tuple[str | None, str], tuple[Match, ...]]
    unmapped: Mapping[str | None, Callable[[str, str | None], tuple[Match, ...]]]
    codes: Mapping[str, Match] = field(default_factory=dict)
    codings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def translate(self, code: str, system: str | None) -> tuple[Match, ...]:
        """What `code` becomes: nothing, one match, or several equally good ones."""
        found = self.matches.get((system, code))
        if found is not None:
            return found
        fallback = self.unmapped.get(system)
        return fallback(code, system) if fallback else ()


def table(resource: Mapping[str, Any], other: Callable[[str], "Table | None"]) -> Table:
    """The lookup table of a ConceptMap resource; `other(url)` gives the table of an `unmapped.mode = other-map`."""
    matches: dict[tuple[str | None, str], tuple[Match, ...]] = {}
    unmapped: dict[str | None, Callable[[str, str | None], tuple[Match, ...]]] = {}
    for group in resource.get("group", ()):
        source, target = group.get("source"), group.get("target")
        for element in group.get("element", ()):
            best = _best(element, target)
            matches.setdefault((source, element.get("code")), best)
            matches.setdefault((None, element.get("code")), best)
        if "unmapped" in group:
            fallback = _fallback(group["unmapped"], source, target, other)
            unmapped.setdefault(source, fallback)
            unmapped.setdefault(None, fallback)
    codes = {code: found[0] for (system, code), found in matches.items() if system is None and len(found) == 1}
    codings = {code: one.coding for code, one in codes.items()}
    return Table(resource.get("url") or f"#{resource.get('id')}", matches, unmapped, codes, codings)


def _best(element: Mapping[str, Any], system: str | None) -> tuple[Match, ...]:
    ranked: dict[int, list[Match]] = {}
    for target in element.get("target", ()):
        relation = target.get("equivalence") or target.get("relationship") or "relatedto"
        rank = _RANK.get(_R5.get(relation, relation))
        if rank is not None and "code" in target:
            ranked.setdefault(rank, []).append(Match.of(target["code"], system, target.get("display")))
    return tuple(ranked[min(ranked)]) if ranked else ()


def _fallback(
    unmapped: Mapping[str, Any], source: str | None, target: str | None, other: Callable[[str], "Table | None"]
) -> Callable[[str, str | None], tuple[Match, ...]]:
    mode = unmapped.get("mode")
    if mode == "provided":
        return lambda code, system: (Match.of(code, system or source),)
    if mode == "fixed":
        fixed = (Match.of(unmapped.get("code", ""), target, unmapped.get("display")),)
        return lambda _code, _system: fixed
    url = unmapped.get("url", "")

    def further(code: str, system: str | None) -> tuple[Match, ...]:
        found = other(url)
        return found.translate(code, system) if found else ()

    return further


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the rows of `over`: a row for the same system and code replaces the base row, others are added."""
    groups = [dict(group) for group in base.get("group", ())]
    for group in over.get("group", ()):
        own = next((one for one in groups if _systems(one) == _systems(group)), None)
        codes = {element.get("code") for element in group.get("element", ())}
        for one in groups:
            if one.get("source") == group.get("source"):
                one["element"] = [row for row in one.get("element", ()) if row.get("code") not in codes]
        if own is None:
            groups.append(dict(group))
            continue
        own["element"] = [*own.get("element", ()), *group.get("element", ())]
        if "unmapped" in group:
            own["unmapped"] = group["unmapped"]
    rest = {key: value for key, value in over.items() if key != "group"}
    return {**base, **rest, "group": [group for group in groups if group.get("element") or "unmapped" in group]}


def _systems(group: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return group.get("source"), group.get("target")
