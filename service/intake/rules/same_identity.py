"""Two entries do not claim the same identity: the same HETU, OID or professional number is one person or one house.

Without this rule two entries would become one resource, and the later one would win silently.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from service.intake.facts import Facts, Found
from service.issues import Issue, issue

Identity = Callable[[Mapping[str, Any]], tuple[str, ...] | None]


def check(facts: Facts) -> Iterator[Issue]:
    people = (*facts.objects["child"], *facts.objects["guardian"])
    yield from _clashes(people, lambda one: (one["hetu"],) if "hetu" in one else None)
    yield from _clashes(facts.objects["child"], lambda one: _pair(one.get("temporaryId")))
    yield from _clashes(facts.objects["organisation"], lambda one: (one["oid"],) if "oid" in one else None)
    yield from _clashes(facts.objects["organisation"], _business)
    yield from _clashes(facts.objects["professional"], _role)
    yield from _differing(facts.objects["place"], lambda one: (one["id"],), lambda one: one, "intake.place-differs")
    yield from _differing(
        facts.objects["professional"], _practitioner, lambda one: one["name"], "intake.professional-differs"
    )


def _clashes(entries: Iterable[Found], identity: Identity) -> Iterator[Issue]:
    seen: dict[tuple[str, ...], Found] = {}
    for found in entries:
        key = identity(found.value)
        if key is not None and seen.setdefault(key, found) is not found:
            yield issue("intake.same-identity", pointer=found.pointer, first=seen[key].pointer)


def _differing(entries: Iterable[Found], identity: Identity, part: Callable[[Any], Any], key: str) -> Iterator[Issue]:
    seen: dict[tuple[str, ...], Found] = {}
    for found in entries:
        name = identity(found.value)
        if name is not None and part(seen.setdefault(name, found).value) != part(found.value):
            yield issue(key, pointer=found.pointer, first=seen[name].pointer)


def _pair(identifier: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    return (identifier["system"], identifier["value"]) if identifier else None


def _business(one: Mapping[str, Any]) -> tuple[str, ...] | None:
    return (one["businessId"], one["name"]) if "businessId" in one and "oid" not in one else None


def _practitioner(one: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "terhikki" in one:
        return ("terhikki", one["terhikki"])
    if "sv" in one:
        return ("sv", one["sv"])
    return _pair(one["otherIds"][0]) if "otherIds" in one else None


def _role(one: Mapping[str, Any]) -> tuple[str, ...] | None:
    known = _practitioner(one)
    return (*known, one.get("organisation", ""), one["profession"]) if known else None
