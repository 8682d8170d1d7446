"""What a code corresponds to, by ConceptMaps.

https://hl7.org/fhir/R4/conceptmap.html, https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

NO_MATCH = ("unmatched", "disjoint")
_REVERSED: Mapping[str, str] = MappingProxyType(
    {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
)


@dataclass(frozen=True, slots=True)
class Match:
    """One correspondence: how close (`equivalence`), to what (`concept`, a Coding), by which map (`source`)."""

    equivalence: str
    concept: Mapping[str, Any] | None
    source: str
    products: tuple[Mapping[str, Any], ...] = ()

    @property
    def matches(self) -> bool:
        return self.equivalence not in NO_MATCH


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be translated: a code of a system, to which system (None: any), which way.

    `dependencies` are (element, code) pairs that a row may depend on.
    """

    system: str | None
    code: str
    target_system: str | None = None
    reverse: bool = False
    dependencies: tuple[tuple[str, str], ...] = ()


def translate(
    maps: Iterable[Mapping[str, Any]], question: Question, find: Callable[[str], Mapping[str, Any] | None]
) -> list[Match]:
    """The matches of all maps in their order; those of the `unmapped` rule only where a group has no row.

    `find` gives the map that an `unmapped` rule sends to.
    """
    return [match for one in maps for match in _in_map(one, question, find, ())]


def scope(concept_map: Mapping[str, Any], side: str) -> str:
    """The value set on the `source` or `target` side of a map, without its version; empty where it says none."""
    canonical = concept_map.get(f"{side}Canonical") or concept_map.get(f"{side}Uri") or ""
    return str(canonical).partition("|")[0]


def _in_map(
    concept_map: Mapping[str, Any],
    question: Question,
    find: Callable[[str], Mapping[str, Any] | None],
    visited: tuple[str, ...],
) -> Iterator[Match]:
    url = concept_map.get("url", "")
    for group in concept_map.get("group", ()):
        here, there = ("target", "source") if question.reverse else ("source", "target")
        if question.system is not None and group.get(here) not in (None, question.system):
            continue
        if question.target_system is not None and group.get(there) != question.target_system:
            continue
        rows = _backward(group, question) if question.reverse else _forward(group, question)
        found = [Match(equivalence, _coding(group, there, row), url, products) for equivalence, row, products in rows]
        if not found and not question.reverse:
            found = list(_unmapped(group, question, url))
            other = _sent_on(group, question, find)
            if other is not None and other.get("url", "") not in (url, *visited):
                found = list(_in_map(other, question, find, (*visited, url)))
        yield from found


Row = tuple[str, Mapping[str, Any], tuple[Mapping[str, Any], ...]]


def _forward(group: Mapping[str, Any], question: Question) -> Iterator[Row]:
    for element in group.get("element", ()):
        if element.get("code") != question.code:
            continue
        for target in element.get("target", ()):
            needs = {(one["property"], one["value"]) for one in target.get("dependsOn", ())}
            if needs <= set(question.dependencies):
                yield target.get("equivalence", "equivalent"), target, tuple(target.get("product", ()))


def _backward(group: Mapping[str, Any], question: Question) -> Iterator[Row]:
    for element in group.get("element", ()):
        for target in element.get("target", ()):
            if target.get("code") == question.code:
                equivalence = target.get("equivalence", "equivalent")
                yield _REVERSED.get(equivalence, equivalence), element, ()


def _sent_on(
    group: Mapping[str, Any], question: Question, find: Callable[[str], Mapping[str, Any] | None]
) -> Mapping[str, Any] | None:
    rule = group.get("unmapped", {})
    if rule.get("mode") != "other-map" or _has_row(group, question.code):
        return None
    return find(rule.get("url", ""))


def _has_row(group: Mapping[str, Any], code: str) -> bool:
    return any(element.get("code") == code for element in group.get("element", ()))


def _unmapped(group: Mapping[str, Any], question: Question, url: str) -> Iterator[Match]:
    rule = group.get("unmapped", {})
    if _has_row(group, question.code):
        return
    if rule.get("mode") == "provided":
        yield Match("equal", _coding(group, "target", {"code": question.code}), url)
    elif rule.get("mode") == "fixed" and "code" in rule:
        yield Match("inexact", _coding(group, "target", rule), url)


def _coding(group: Mapping[str, Any], side: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    if "code" not in row:
        return None
    coding = {"system": group[side]} if side in group else {}
    return coding | {key: row[key] for key in ("code", "display") if key in row}
