"""The mutator and the comparison, without Java: what they give is the same every time and says what it is."""

import pytest

from service.fhir.definitions import ours
from tests.interop import compare, material, mutants
from tests.interop.compare import Case, Difference


@pytest.fixture(scope="module")
def outputs() -> material.Outputs:
    return material.outputs()


def made(outputs: material.Outputs, seed: int) -> list[mutants.Mutant]:
    small = material.small(outputs.bundles)
    return list(mutants.mutants(list(outputs.resources.values()), small, ours(), seed, 0.03))


def test_the_same_seed_gives_the_same_mutants(outputs: material.Outputs) -> None:
    first, again, other = made(outputs, 1), made(outputs, 1), made(outputs, 2)
    assert first == again
    assert {one.text for one in first} != {one.text for one in other}


def test_every_group_gives_mutants_that_are_no_outputs(outputs: material.Outputs) -> None:
    found = made(outputs, 1)
    texts = {mutants.text_of(one) for one in (*outputs.resources.values(), *outputs.bundles.values())}
    assert {one.group for one in found} == {*mutants.GROUPS, "raw", "bundle"}
    same = [one for one in found if one.text in texts]
    assert len(same) <= 0.02 * len(found), [one.edit for one in same]


def test_differences_say_why() -> None:
    rules = compare.listed()
    assert rules and len({one.name for one in rules}) == len(rules)
    assert all(one.side in ("java", "ours") and len(one.reason) > 60 for one in rules)
    assert all(set(one.groups) <= {*mutants.GROUPS, "raw", "bundle"} for one in rules)


def test_a_rule_counts_only_where_it_settles_a_disagreement() -> None:
    rule = Difference("lenient", "ours", compare.re.compile("tab"), (), None, "")
    cases = [
        Case("a", "raw", "x", (), (": tab",)),
        Case("b", "raw", "x", (), (": tab", ": other")),
        Case("c", "raw", "x", (": no",), (": tab",)),
        Case("d", "raw", "x", (": no",), ()),
        Case("e", "raw", "x", (), ()),
    ]
    table = compare.compared(cases, [rule])
    assert dict(table.counts["raw"]) == {"listed": 1, "false alarm": 1, "both invalid": 1, "miss": 1, "both valid": 1}
    assert table.rules == {"lenient": 1}
    assert [(kind, case.id) for kind, case in table.wrong] == [("false alarm", "b"), ("miss", "d")]
