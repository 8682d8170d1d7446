"""What holds for whatever a family permits, on cases that nobody wrote."""

import copy
from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from service.policy import Permitted
from service.policy.rules import PARTS
from tests.policy.kit import (
    Json,
    children,
    consent,
    decide,
    extensions,
    invented,
    plan,
    reference,
    references,
    resources,
    statutory,
    with_recipient,
)
from tests.policy.oracle import SECTORS, is_named, leaves, mark, maximum, named_paths, parts_of

OID = "2.999.77.1"
RUNS = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))

# A seed, the kind of document, the style of its activities, the recipient's sector.
Drawn = tuple[int, str, str, str]
cases = st.tuples(
    st.integers(0, 39),
    st.sampled_from(["shared-plan", "case"]),
    st.sampled_from(["detail", "reference"]),
    st.sampled_from(SECTORS),
)
some_parts = st.lists(st.sampled_from(PARTS), min_size=1, unique=True)


def ready(made: Drawn) -> tuple[Json, str]:
    """A case without permissions of its own, with the recipient."""
    *drawn, sector = made
    case = next(iter(invented(*drawn)), None)
    assume(case is not None and plan(case)["status"] not in ("draft", "entered-in-error"))
    assert case is not None
    bare = {"entry": [entry for entry in case["entry"] if entry["resource"]["resourceType"] != "Consent"]}
    return with_recipient(copy.deepcopy(bare), OID, sector), sector


def permission(case: Json, sector: str, parts: Iterable[str], **options: Any) -> Json:
    """A permission of the kind that counts between the register and the sector."""
    rows = (row for one in resources(case, "Patient") for row in extensions(one, "client-relationship"))
    client = not any(row["valueBoolean"] is False for row in rows)
    kind = "luovutuslupa" if sector in ("health", "social") and client else "suostumus"
    return consent(case, OID, parts, kind, **options)


def gone(case: Json, sector: str, permissions: Iterable[Json]) -> set[tuple[Any, ...]]:
    """Every value that goes, with where it stands: empty where nothing does."""
    found = decide(case, OID, sector, permissions)
    if not isinstance(found, Permitted):
        assert found.issue.key != "policy.invalid", found.issue.text()
        return set()
    rows: set[tuple[Any, ...]] = set()
    for one in resources(found.bundle):
        for path, value in leaves(one):
            if path[0] not in ("meta", "text") and "extension:data-absent-reason" not in path:
                rows.add((reference(one), path, str(value)))
    return rows


@RUNS
@given(cases, some_parts, st.data())
def test_narrowing_a_permission_never_adds_anything(made: Drawn, parts: list[str], data: st.DataObject) -> None:
    case, sector = ready(made)
    fewer = data.draw(st.lists(st.sampled_from(parts), min_size=1, unique=True))
    all_children = children(case)
    some = data.draw(st.lists(st.sampled_from(all_children), min_size=1, unique=True))
    wide = gone(case, sector, [permission(case, sector, parts)])
    assert gone(case, sector, [permission(case, sector, fewer)]) <= wide
    narrow = gone(case, sector, [permission(case, sector, parts, of=sorted(some, key=all_children.index))])
    assert _but_entries(narrow) <= _but_entries(wide)


def _but_entries(rows: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """The same without what differs where the copy is about another child: to whom it leads, and by which of the
    entries (one for each child) a grown-up is named."""
    return {
        ("RelatedPerson", path, value) if key.startswith("RelatedPerson/") else (key, path, value)
        for key, path, value in rows
        if path[-1] != "reference" and path != ("id",) and "relationship" not in path and "custody" not in str(path)
    }


@RUNS
@given(cases, st.lists(some_parts, min_size=2, max_size=3))
def test_several_permissions_are_as_good_as_one_of_all_their_parts(made: Drawn, several: list[list[str]]) -> None:
    case, sector = ready(made)
    together = list(dict.fromkeys(part for parts in several for part in parts))
    apart = gone(case, sector, [permission(case, sector, parts) for parts in several])
    assert apart == gone(case, sector, [permission(case, sector, together)])


@RUNS
@given(cases, some_parts, some_parts, st.sampled_from(["revoked", "denied", "ended", "fewer"]))
def test_taking_back_never_adds_anything(made: Drawn, parts: list[str], others: list[str], how: str) -> None:
    case, sector = ready(made)
    stays, goes = permission(case, sector, others), permission(case, sector, parts)
    before = gone(case, sector, [stays, goes])
    changes: dict[str, dict[str, Any]] = {
        "revoked": {"status": "inactive", "revoked": "2025-09-15T12:00:00+03:00"},
        "denied": {"status": "rejected", "provision": "deny"},
        "ended": {"period": {"end": "2025-09-19"}},
        "fewer": {},
    }
    after = [stays] if how == "fewer" else [stays, permission(case, sector, parts, **changes[how])]
    assert gone(case, sector, after) <= before


@RUNS
@given(cases, some_parts, st.booleans())
def test_nothing_goes_that_no_file_names(made: Drawn, parts: list[str], by_law: bool) -> None:
    """Whatever is permitted: every element stands in the files for a part that is permitted, and leads to what goes."""
    case, sector = ready(made)
    if by_law:
        statutory(case, OID, parts)
    found = decide(case, OID, sector, [] if by_law else [permission(case, sector, parts)])
    if not isinstance(found, Permitted):
        return
    known, open_parts = references(found.bundle), set(parts) & maximum(sector)
    for one in resources(found.bundle):
        named = named_paths(sector, one["resourceType"], open_parts)
        for path, value in leaves(one):
            if (
                path[0] in ("resourceType", "meta", "text", "extension:copy-of")
                or "extension:data-absent-reason" in path
            ):
                continue
            assert is_named(path, named), (one["resourceType"], path)
            assert path[-1] != "reference" or value in known, (path, value)


@RUNS
@given(cases, some_parts)
def test_a_text_goes_only_with_its_part(made: Drawn, parts: list[str]) -> None:
    """Every text of the case has a mark of its own; of those that arrive, each belongs to a part that is permitted."""
    case, sector = ready(made)
    marks = mark(case)
    plan(case)["text"] = {"status": "generated", "div": "<div>salaisuus99999x</div>"}
    found = decide(case, OID, sector, [permission(case, sector, parts)])
    if not isinstance(found, Permitted):
        return
    payload = str(found.bundle)
    assert "salaisuus99999x" not in payload
    open_parts = set(parts) & maximum(sector)
    for said, (key, path) in marks.items():
        if said not in payload:
            continue
        kind = key.partition("/")[0]
        assert key in references(found.bundle), (said, key, path)
        needed = parts_of(case, key)
        assert not needed or needed & open_parts, (said, key, path)
        assert is_named(path, named_paths(sector, kind, open_parts)), (said, key, path)
    assert found.guard.check(_json(found.bundle)) == []
    # The name of a code may stand in any payload, as a heading.
    stays = [said for said, (_, path) in marks.items() if said not in payload and path[-1] != "display"]
    for said in stays[:5]:
        whole = next(text for _, text in _texts(case) if said in text)
        if len(whole) >= 40:
            leaking = copy.deepcopy(found.bundle)
            plan(leaking)["title"] = whole
            assert [one.key for one in found.guard.check(_json(leaking))], whole


def _json(value: Any) -> bytes:
    from service.fhir.json import encode

    return encode(value)


def _texts(case: Json) -> Iterable[tuple[tuple[str, ...], str]]:
    for one in resources(case):
        for path, value in leaves(one):
            if isinstance(value, str):
                yield path, value
