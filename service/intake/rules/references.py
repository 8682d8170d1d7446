"""A reference names something in the document, of a kind that fits.

Meetings, teams and plans may lie in another document of the same source: then it is a warning, and the reference
resolves when that document arrives. Organisations do not belong to themselves, by whatever way round.
"""

from collections.abc import Iterable, Iterator

from service.intake.explain import suggestion
from service.intake.facts import Facts, Found
from service.intake.identity import ACROSS, NAMED
from service.issues import Issue, issue


def check(facts: Facts) -> Iterator[Issue]:
    across = {kind: [one.value["id"] for one in facts.entities.get(kind, ())] for kind in ACROSS}
    inside: dict[tuple[str, object], list[str]] = {}
    for kind, entities in facts.entities.items():
        if kind not in NAMED and kind not in ACROSS and kind != "relation":
            for one in entities:
                inside.setdefault((kind, one.around.path if one.around else None), []).append(one.value["id"])
    for found in facts.references:
        kinds = found.shape.reference
        if set(kinds) <= NAMED:
            yield from _named(facts, found)
        elif found.value not in (known := across.get(kinds[0], _around(inside, kinds[0], found))):
            yield _nowhere(facts, found, known, "intake.reference-elsewhere" if kinds[0] in ACROSS else None)
    yield from _circles(facts)


def _named(facts: Facts, found: Found) -> Iterator[Issue]:
    kind = facts.kind(found.value)
    if not kind:
        fitting = [local for local, one in facts.named.items() if one.shape.entity in found.shape.reference]
        yield _nowhere(facts, found, fitting, None)
    elif kind not in found.shape.reference:
        allowed = ", ".join(found.shape.reference)
        yield issue("intake.reference-kind", pointer=found.pointer, kind=kind, allowed=allowed)


def _nowhere(facts: Facts, found: Found, known: Iterable[str], elsewhere: str | None) -> Issue:
    value = facts.shown(found.value)
    if elsewhere:
        return issue(elsewhere, pointer=found.pointer, value=value)
    near = suggestion(found.value, {one.casefold(): one for one in known})
    if near and facts.shown(near) == near:
        return issue("intake.reference-near", pointer=found.pointer, value=value, near=near)
    return issue("intake.reference-nowhere", pointer=found.pointer, value=value)


def _around(inside: dict[tuple[str, object], list[str]], kind: str, found: Found) -> list[str]:
    """The ids of `kind` in the nearest entity around the reference that holds any."""
    around = found.around
    while around is not None:
        if (kind, around.path) in inside:
            return inside[kind, around.path]
        around = around.around
    return inside.get((kind, None), [])


def _circles(facts: Facts) -> Iterator[Issue]:
    for found in facts.of("organisation"):
        seen = {found.value["id"]}
        above = found.value.get("partOf")
        while above is not None and above not in seen:
            seen.add(above)
            above = facts.person(above).get("partOf")
        if above == found.value["id"]:
            yield issue("intake.part-of-circle", pointer=found.at("partOf"))
