"""What takes back a copy: every resource that was given, marked and empty, in a form that receivers can act upon."""

from typing import Any

import pytest

from service import pipeline
from service.fhir.json import encode
from service.policy import protects, withdrawal
from tests.policy.kit import KEY, Json, consent, example, extensions, permitted, plan, reference, references, resources
from tests.policy.kit import with_recipient as to
from tests.policy.oracle import leaves, mark

OID = "2.999.77.1"
NAMES = (
    "aika-shared-plan-measures-abc", "tiimi-case-twins-services-and-responsible-pair", "aika-case-large-blended-family",
    "tiimi-shared-plan-non-disclosure", "tiimi-shared-plan-pa-svenska",
)  # fmt: skip
KEPT_BY_THE_RECIPIENT = {
    "Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Location", "Provenance", "Consent",
}  # fmt: skip
STATUS = {"Goal": "lifecycleStatus"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", ["detail", "reference"])
def test_everything_that_was_given_is_taken_back(name: str, style: str) -> None:
    case = example(name, style)
    made = withdrawal(case, references(case))
    expected = {one for one in references(case) if one.partition("/")[0] not in KEPT_BY_THE_RECIPIENT}
    assert references(made) == expected
    assert plan(made)["resourceType"] == "CarePlan"
    for one in resources(made):
        assert one[STATUS.get(one["resourceType"], "status")] == "entered-in-error"
        assert "withdrawn" in {row["code"] for row in one["meta"]["tag"]}
    errors = [one for one in pipeline.default(KEY).validator.validate(made) if one.is_error]
    assert not errors, [(one.expression, one.text()) for one in errors]


@pytest.mark.parametrize("name", NAMES)
def test_it_says_nothing_of_the_family(name: str) -> None:
    case = example(name, "reference")
    marks = mark(case)
    made = str(withdrawal(case, references(case)))
    told = {path for said, (_, path) in marks.items() if said in made}
    # The identifiers are all: by them the recipient knows what is meant.
    assert all(path[-2:] == ("identifier", "value") or "extension:copy-of" in path for path in told), told


def test_only_what_was_given() -> None:
    case = to(example("aika-shared-plan-measures-abc"), OID, "early-education")
    found = permitted(case, OID, "early-education", [consent(case, OID, ["measures-everyday-environment", "needs"])])
    made = withdrawal(case, references(found.bundle))
    assert references(made) <= references(found.bundle)
    assert {one.partition("/")[0] for one in references(made)} == {"CarePlan", "Goal"}
    assert references(withdrawal(found.bundle, references(found.bundle))) == references(made)


def test_of_the_copy_it_names_the_original() -> None:
    case = to(example("aika-shared-plan-measures-abc"), OID, "school")
    plan(case)["meta"]["versionId"] = "3"
    found = permitted(case, OID, "school", [consent(case, OID, ["measures-everyday-environment"])])
    made = withdrawal(found.bundle, references(found.bundle))
    assert extensions(plan(made), "copy-of") == extensions(plan(found.bundle), "copy-of")
    assert plan(made)["identifier"] == plan(case)["identifier"]


def test_what_is_not_known_is_passed_over() -> None:
    case = example("aika-shared-plan-measures-abc")
    assert resources(withdrawal(case, ["Goal/unknown"])) == []
    assert resources(withdrawal(case, [])) == []


def test_of_a_protected_family_too_nothing_tells_the_place() -> None:
    case = example("tiimi-shared-plan-non-disclosure")
    plan(case)["identifier"][0]["value"] = "suunnitelma-hamina"
    made = withdrawal(case, references(case))
    assert protects(encode(made), case) == []
    label = {"TURVAKIELTO"} & {row.get("code") for one in resources(made) for row in one["meta"].get("security", ())}
    assert not label or label == {"TURVAKIELTO"}


def test_nothing_in_it_leads_anywhere() -> None:
    case = example("aika-shared-plan-measures-abc", "reference")
    made = withdrawal(case, references(case))
    found: list[Any] = [value for one in resources(made) for path, value in leaves(one) if path[-1] == "reference"]
    assert found == []


def test_a_goal_alone_can_be_taken_back() -> None:
    case: Json = example("aika-shared-plan-measures-abc")
    goal = resources(case, "Goal")[0]
    (made,) = resources(withdrawal(case, [reference(goal)]))
    assert made["subject"]["identifier"]["value"] and "text" not in made["description"]
