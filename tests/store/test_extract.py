"""Extraction: every type has its tree, nothing crashes it, and hostile strings are data."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.fhir.definitions import core
from service.store import EVERYTHING, Store
from service.store.parameters import Parameters, parameter_id
from service.store.rows import Rows
from tests.store.test_search import ids, put

PARAMETERS = Parameters(core())
RESOURCES = [name for name, kind in core().types().items() if kind == "resource"]
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "system", "code", "coding", "reference", "start", "end", "text"]), inner
        )
    ),
    max_leaves=8,
)


def test_every_parameter_has_a_number_of_its_own() -> None:
    """But those that find the same as another."""
    numbers: dict[int, str] = {}
    for type_name in RESOURCES:
        for code, one in PARAMETERS.of(type_name).items():
            if one.alike:
                other = PARAMETERS.of(type_name)[one.alike]
                assert (one.id, one.identifier(), one.kind) == (other.id, other.identifier(), other.kind)
                assert not other.alike
                continue
            names = {one.id: code, one.identifier(): f"{code}:identifier"}
            names |= {part.id: part.code for part in one.components}
            for number, name in names.items():
                assert numbers.setdefault(number, f"{type_name}.{name}") == f"{type_name}.{name}"
                assert 0 <= number < 2**31
    assert len(numbers) > 2000 and parameter_id("Patient", "name") in numbers


def test_every_parameter_of_our_types_can_be_indexed() -> None:
    """A parameter whose expression nothing understands would be found nowhere, and nobody would notice."""
    for type_name in ("Patient", "CarePlan", "CareTeam", "Goal", "Appointment", "Consent", "Task", "Observation"):
        tree = PARAMETERS._tree(type_name)
        actions = 0
        stack = [tree]
        while stack:
            node = stack.pop()
            actions += len(node.actions)
            stack += [*node.children.values(), *(below for _, _, below in node.tests)]
        assert actions >= len(PARAMETERS.of(type_name)) - 2


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_crashes_it(data: st.DataObject) -> None:
    type_name = data.draw(st.sampled_from(RESOURCES))
    keys = sorted(PARAMETERS._tree(type_name).children)
    content = data.draw(st.dictionaries(st.sampled_from(keys), json, max_size=6))
    rows = PARAMETERS.extract({**content, "resourceType": type_name})
    assert isinstance(rows, Rows)
    for _, code, low, high, _ in rows.date:
        assert -(2**63) <= low < 2**63 and -(2**63) <= high < 2**63 and code >= 0


HOSTILE = [
    "'; DROP TABLE resource; --",
    '" OR 1=1 --',
    "%",
    "_",
    "\\",
    ":param",
    "%(x)s",
    "?",
    "{}",
    "ä" * 500,
    "🧒",
    "a|b,c$d",
]


def test_hostile_strings_are_data(store: Store) -> None:
    for number, text in enumerate(HOSTILE):
        put(
            store,
            {
                "resourceType": "Patient",
                "id": f"h{number}",
                "name": [{"family": text}],
                "identifier": [{"value": text}],
            },
        )
    for number, text in enumerate(HOSTILE):
        escaped = text.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|").replace("$", "\\$")
        assert ids(store, "Patient", [("identifier", escaped)]) == [f"h{number}"], text
        assert f"h{number}" in ids(store, "Patient", [("family", escaped)])
        assert f"h{number}" in ids(store, "Patient", [("family:contains", escaped)])
        assert ids(store, "Patient", [("_id", escaped)]) == []
    found: Any = store.read("Patient", "h0", EVERYTHING)
    assert found.resource()["name"] == [{"family": HOSTILE[0]}]
