"""The patients that an export is limited to: those it names, or those of its group, as they are when it begins."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from service.export import groups
from service.export.snapshot import Cut, among
from service.export.wanted import Wanted
from service.fhir.json import JsonError, parse
from service.store import Store
from service.store.rows import local


def chosen(store: Store, wanted: Wanted, at: int) -> Iterator[list[str]]:
    """Relative references to patients, some at a time; some may come again."""
    if wanted.patients:
        yield list(wanted.patients)
        return
    yield from of_group(store, wanted, at)


def of_group(store: Store, wanted: Wanted, at: int) -> Iterator[list[str]]:
    """The patients of the group that is wanted: one that the service makes, or a Group that is kept."""
    with store.database.read() as connection:
        rows = among(connection, "Group", [wanted.group], Cut(at, who=wanted.who))
    for row in rows:
        yield _listed(row[5], store.parameters.base_urls)
    made = groups.read_id(wanted.group)
    if made is not None and not rows:
        yield from groups.members(store, made, wanted.who)


def missing(store: Store, wanted: Wanted, at: int) -> list[str]:
    """Those named patients that are not there, or not in the group."""
    left = set(wanted.patients)
    with store.database.read() as connection:
        ids = [one.partition("/")[2] for one in left]
        there = {f"Patient/{row[1]}" for row in among(connection, "Patient", ids, Cut(at, who=wanted.who))}
    absent = left - there
    if wanted.group:
        for some in of_group(store, wanted, at):
            left -= set(some)
        absent |= left
    return sorted(absent)


def _listed(body: bytes, base_urls: tuple[str, ...]) -> list[str]:
    """The patients that a Group lists and does not call inactive."""
    try:
        resource: Mapping[str, Any] = parse(body)
    except JsonError:
        return []
    rows: Iterable[Any] = resource.get("member", ())
    active = (one.get("entity") for one in rows if isinstance(one, dict) and one.get("inactive") is not True)
    found = (local(str(one.get("reference", "")), base_urls) for one in active if isinstance(one, dict))
    return [one for one in found if one.startswith("Patient/")]
