"""A reference names something in the document, of a kind that fits.

Meetings, teams and plans may lie in another document of the same source: then it is a warning, and the reference
resolves when that document arrives. Organisations do not belong to themselves, by whatever way round.
"""

import functools
from collections.abc import Iterable, Iterator

from service.intake.explain import suggestion
from service.intake.facts import Facts, Found
from service.intake.identity import ACROSS, NAMED
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    across = {kind: [one.value["id"] for one in facts.entities[kind]] for kind in ACROSS}
    inside: dict[tuple[str, int], list[str]] = {}
    for kind, entities in facts.entities.items():
        if kind not in NAMED and kind not in ACROSS and kind != "relation":
            for one in entities:
                inside.setdefault((kind, id(one.around)), []).append(one.value["id"])
    for value, path, shape, around in facts.references:
        kinds = shape.reference
        if _all_named(kinds):
            if facts.kinds[value] not in kinds:
                yield _misnamed(facts, Found(value, path, shape, around))
            continue
        known = across[kinds[0]] if kinds[0] in ACROSS else _around(inside, kinds[0], around)
        if value not in known:
            elsewhere = "intake.reference-elsewhere" if kinds[0] in ACROSS else None
            yield _nowhere(facts, Found(value, path, shape, around), known, elsewhere)
    yield from _circles(facts)


@functools.lru_cache(256)
def _all_named(kinds: tuple[str, ...]) -> bool:
    return set(kinds) <= NAMED


def _misnamed(facts: Facts, found: Found) -> Issue:
    kind = facts.kinds[found.value]
    if not kind:
        fitting = [local for local, one in facts.named.items() if one.shape.entity in found.shape.reference]
        return _nowhere(facts, found, fitting, None)
    allowed = ", ".join(found.shape.reference)
    return issue("intake.reference-kind", pointer=found.pointer, kind=kind, allowed=allowed)


def _nowhere(facts: Facts, found: Found, known: Iterable[str], elsewhere: str | None) -> Issue:
    value = facts.shown(found.value)
    if elsewhere:
        return issue(elsewhere, pointer=found.pointer, value=value)
    near = suggestion(found.value, {one.casefold(): one for one in known})
    if near and facts.shown(near) == near:
        return issue("intake.reference-near", pointer=found.pointer, value=value, near=near)
    return issue("intake.reference-nowhere", pointer=found.pointer, value=value)


def _around(inside: dict[tuple[str, int], list[str]], kind: str, around: Found | None) -> list[str]:
    """The ids of `kind` in the nearest entity around the reference that holds any."""
    while around is not None:
        if (kind, id(around)) in inside:
            return inside[kind, id(around)]
        around = around.around
    return inside.get((kind, id(None)), [])


def _circles(facts: Facts) -> Iterator[Issue]:
    for found in facts.objects["organisation"]:
        seen = {found.value["id"]}
        above = found.value.get("partOf")
        while above is not None and above not in seen:
            seen.add(above)
            above = facts.person(above).get("partOf")
        if above == found.value["id"]:
            yield issue("intake.part-of-circle", pointer=found.at("partOf"))
