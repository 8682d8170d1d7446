"""Which permissions and provisions count, one rule at a time."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.policy import Refused
from tests.policy.kit import (
    Json,
    children,
    consent,
    decide,
    example,
    permitted,
    plan,
    references,
    refused,
    resources,
    statutory,
    with_recipient,
)

OID = "2.999.77.1"
PARTS = ["measures-everyday-environment", "needs"]
HELSINKI = ZoneInfo("Europe/Helsinki")


@pytest.fixture
def case() -> Json:
    return with_recipient(example("aika-shared-plan-measures-abc"), OID, "early-education")


@pytest.fixture
def twins() -> Json:
    return with_recipient(example("tiimi-case-twins-services-and-responsible-pair"), OID, "early-education")


def in_care(case: Json, sector: str = "health") -> Json:
    """The same case with a recipient in health or social care."""
    return with_recipient({"entry": case["entry"][:-1]}, OID, sector)


def test_without_a_permission_nothing_goes(case: Json) -> None:
    assert refused(case, OID, "early-education") == "policy.no-permission"


def test_a_suostumus_opens_its_parts(case: Json) -> None:
    found = permitted(case, OID, "early-education", [consent(case, OID, PARTS)])
    (basis,) = found.bases
    assert basis.kind == "suostumus" and set(basis.parts) == set(PARTS)
    assert basis.reference.startswith("Consent/")


def test_a_permission_for_somebody_else_opens_nothing(case: Json) -> None:
    assert refused(case, OID, "early-education", [consent(case, "2.999.77.2", PARTS)]) == "policy.no-permission"


def test_a_permission_for_another_plan_opens_nothing(case: Json) -> None:
    other = consent(case, OID, PARTS)
    other["provision"]["data"][0]["reference"]["reference"] = "CarePlan/another"
    assert refused(case, OID, "early-education", [other]) == "policy.no-permission"


def test_a_permission_to_tell_us_opens_nothing(case: Json) -> None:
    assert (
        refused(case, OID, "early-education", [consent(case, OID, PARTS, direction="from")]) == "policy.no-permission"
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "inactive", "revoked": "2025-09-10T08:00:00+03:00"}, "policy.revoked"),
        ({"status": "active", "revoked": "2025-09-10T08:00:00+03:00"}, "policy.revoked"),
        ({"status": "inactive"}, "policy.revoked"),
        ({"status": "rejected", "provision": "deny"}, "policy.denied"),
        ({"status": "active", "provision": "deny"}, "policy.denied"),
        ({"status": "rejected", "provision": "permit"}, "policy.denied"),
        ({"status": "draft"}, "policy.not-in-force"),
        ({"status": "proposed"}, "policy.not-in-force"),
        ({"status": "entered-in-error"}, "policy.not-in-force"),
        ({"period": {"start": "2025-09-01", "end": "2025-09-19"}}, "policy.ended"),
        ({"period": {"end": "2025-08"}}, "policy.ended"),
        ({"period": {"start": "2025-09-21"}}, "policy.not-begun"),
        ({"given": "2025-09-21T12:00:00+03:00"}, "policy.not-begun"),
        ({"period": {"start": "kevät"}}, "policy.period-unclear"),
        ({"period": {"end": "2025-12-31", "_start": {}}}, "policy.period-unclear"),
        ({"kind": "luovutuslupa"}, "policy.luovutuslupa-recipient"),
    ],
)
def test_why_a_permission_does_not_count(case: Json, changes: dict[str, Any], why: str) -> None:
    assert refused(case, OID, "early-education", [consent(case, OID, PARTS, **changes)]) == why


@pytest.mark.parametrize(
    "changes",
    [
        {"revoked": "2025-09-21T12:00:00+03:00"},
        {"period": {"start": "2025-09-20", "end": "2025-09-20"}},
        {"period": {"start": "2025", "end": "2025"}},
        {"period": {"start": "2025-09", "end": "2025-09-20T15:30:00+03:00"}},
        {"period": {"end": "2025-09-20T12:30:00Z"}},
    ],
)
def test_a_permission_counts_to_the_last_moment(case: Json, changes: dict[str, Any]) -> None:
    permitted(case, OID, "early-education", [consent(case, OID, PARTS, **changes)])


def test_a_day_is_a_day_in_helsinki(case: Json) -> None:
    given = [consent(case, OID, PARTS, period={"start": "2025-09-18", "end": "2025-10-25"})]
    last = datetime(2025, 10, 25, 23, 59, 59, tzinfo=HELSINKI)
    permitted(case, OID, "early-education", given, last)
    # In UTC it is still the 25th, in Helsinki not any more.
    assert refused(case, OID, "early-education", given, last + timedelta(seconds=1)) == "policy.ended"


def _another_shape(name: str) -> Any:
    changes: dict[str, Any] = {
        "scope": lambda one: one["scope"].update(coding=[{"code": "treatment"}]),
        "category": lambda one: one["category"].append(one["category"][0]),
        "category of others": lambda one: one["category"][0].update(coding=[{"system": "urn:x", "code": "suostumus"}]),
        "direction": lambda one: one.pop("extension"),
        "patient": lambda one: one["patient"].update(reference="Patient/nobody"),
        "given": lambda one: one.pop("dateTime"),
        "performer": lambda one: one.pop("performer"),
        "policy": lambda one: one.pop("policy"),
        "type": lambda one: one["provision"].pop("type"),
        "actors": lambda one: one["provision"]["actor"].append(one["provision"]["actor"][0]),
        "no actor": lambda one: one["provision"].pop("actor"),
        "no parts": lambda one: one["provision"].pop("code"),
        "an unknown part": lambda one: one["provision"]["code"][0]["coding"][0].update(code="everything"),
        "a part of others": lambda one: one["provision"]["code"][0]["coding"][0].update(system="urn:x"),
        "no data": lambda one: one["provision"].pop("data"),
        "related data": lambda one: one["provision"]["data"][0].update(meaning="related"),
        "an exception": lambda one: one["provision"].update(provision=[{"type": "deny"}]),
        "a purpose": lambda one: one["provision"].update(purpose=[{"code": "HRESCH"}]),
        "a data period": lambda one: one["provision"].update(dataPeriod={"end": "2025-09-01"}),
        "a modifier": lambda one: one.update(modifierExtension=[{"url": "urn:x", "valueBoolean": True}]),
    }
    return changes[name]


@pytest.mark.parametrize(
    "name",
    [
        "scope", "category", "category of others", "direction", "patient", "given", "performer", "policy", "type",
        "actors", "no actor", "no parts", "an unknown part", "a part of others", "no data", "related data",
        "an exception", "a purpose", "a data period", "a modifier",
    ],
)  # fmt: skip
def test_a_consent_of_another_shape_permits_nothing(case: Json, name: str) -> None:
    given = consent(case, OID, PARTS)
    _another_shape(name)(given)
    assert refused(case, OID, "early-education", [given]) == "policy.misshapen"


def test_both_kinds_at_once_are_neither(case: Json) -> None:
    given = consent(case, OID, PARTS)
    coding = given["category"][0]["coding"]
    given["category"].append({"coding": [coding[0] | {"code": "luovutuslupa"}]})
    assert refused(case, OID, "early-education", [given]) == "policy.misshapen"


def test_permissions_add_up(case: Json) -> None:
    one, other = consent(case, OID, ["needs"]), consent(case, OID, ["measures-everyday-environment"])
    both = permitted(case, OID, "early-education", [one, other])
    assert {basis.parts for basis in both.bases} == {("needs",), ("measures-everyday-environment",)}
    assert {"goal", "activity"} <= {name for name, value in plan(both.bundle).items() if "reference" in str(value)}


def test_a_refusal_goes_before_every_permission(case: Json) -> None:
    no = consent(case, OID, ["needs"], status="rejected", provision="deny", given="2025-08-01T12:00:00+03:00")
    found = permitted(case, OID, "early-education", [consent(case, OID, PARTS), no])
    assert found.bases[0].parts == ("measures-everyday-environment",)
    assert refused(case, OID, "early-education", [consent(case, OID, ["needs"]), no]) == "policy.denied"


@pytest.mark.parametrize("gone", ["actor", "code", "data"])
def test_a_refusal_without_a_limit_is_a_refusal_of_everything(case: Json, gone: str) -> None:
    no = consent(case, OID, ["feedback"], provision="deny")
    del no["provision"][gone]
    no["provision"]["code"] = no["provision"].get("code", []) if gone == "code" else []
    assert refused(case, OID, "early-education", [consent(case, OID, PARTS), no]) == "policy.denied"


def test_an_old_refusal_ends(case: Json) -> None:
    no = consent(case, OID, PARTS, provision="deny", period={"end": "2025-09-19"})
    permitted(case, OID, "early-education", [consent(case, OID, PARTS), no])


def test_a_revocation_ends_what_was_given_before_it(case: Json) -> None:
    gone = consent(case, OID, ["needs"], status="inactive", revoked="2025-09-10T08:00:00+03:00")
    before = consent(case, OID, PARTS, given="2025-09-09T08:00:00+03:00")
    after = consent(case, OID, PARTS, given="2025-09-11T08:00:00+03:00")
    assert permitted(case, OID, "early-education", [gone, before]).bases[0].parts == ("measures-everyday-environment",)
    assert set(permitted(case, OID, "early-education", [gone, after]).bases[0].parts) == set(PARTS)


def test_a_revocation_without_a_time_ends_everything_of_its_parts(case: Json) -> None:
    gone = consent(case, OID, ["needs"], status="inactive")
    found = permitted(case, OID, "early-education", [gone, consent(case, OID, PARTS)])
    assert found.bases[0].parts == ("measures-everyday-environment",)


# --- Two kinds, never mixed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sector", ["health", "social"])
def test_between_social_and_health_care_a_luovutuslupa_is_needed(case: Json, sector: str) -> None:
    case = in_care(case, sector)
    permitted(case, OID, sector, [consent(case, OID, PARTS, "luovutuslupa")])
    assert refused(case, OID, sector, [consent(case, OID, PARTS, "suostumus")]) == "policy.suostumus-in-care"


@pytest.mark.parametrize("sector", ["early-education", "school", "other"])
def test_to_everybody_else_a_suostumus_is_needed(case: Json, sector: str) -> None:
    case = with_recipient({"entry": case["entry"][:-1]}, OID, sector)
    permitted(case, OID, sector, [consent(case, OID, PARTS, "suostumus")])
    assert refused(case, OID, sector, [consent(case, OID, PARTS, "luovutuslupa")]) == "policy.luovutuslupa-recipient"


def test_from_an_early_education_register_no_luovutuslupa_goes(case: Json) -> None:
    case = in_care(case)
    for one in resources(case, "Organization"):
        if one.get("name", "").startswith("Pohjois-Savon perhekeskus"):
            one["type"][0]["coding"][0]["code"] = "early-education"
    assert refused(case, OID, "health", [consent(case, OID, PARTS, "luovutuslupa")]) == "policy.luovutuslupa-register"
    permitted(case, OID, "health", [consent(case, OID, PARTS, "suostumus")])


def test_a_family_without_a_client_relationship_gives_a_suostumus(case: Json) -> None:
    case = in_care(case)
    for one in resources(case, "Patient"):
        for row in one["extension"]:
            if row["url"].endswith("/client-relationship"):
                row["valueBoolean"] = False
    assert refused(case, OID, "health", [consent(case, OID, PARTS, "luovutuslupa")]) == "policy.luovutuslupa-no-client"
    permitted(case, OID, "health", [consent(case, OID, PARTS, "suostumus")])


# --- The law's own rights --------------------------------------------------------------------------------------------


def test_a_provision_opens_what_is_necessary(case: Json) -> None:
    statutory(case, OID, PARTS)
    (basis,) = permitted(case, OID, "early-education").bases
    assert (basis.kind, basis.provision, basis.reference) == (
        "statutory",
        "540/2018 41 §",
        f"CarePlan/{plan(case)['id']}",
    )


def test_a_provision_does_not_open_what_only_the_family_can_name(case: Json) -> None:
    statutory(case, OID, ["situation", "assessment"])
    assert refused(case, OID, "early-education") == "policy.beyond-policy"


def test_a_provision_must_be_named(case: Json) -> None:
    statutory(case, OID, PARTS, provision="")
    assert refused(case, OID, "early-education") == "policy.no-provision"


def test_nobody_can_refuse_what_the_law_gives(case: Json) -> None:
    statutory(case, OID, PARTS)
    no = consent(case, OID, PARTS, status="rejected", provision="deny")
    assert [one.kind for one in permitted(case, OID, "early-education", [no]).bases] == ["statutory"]


# --- Children --------------------------------------------------------------------------------------------------------


def test_only_the_children_that_it_names(twins: Json) -> None:
    first, second = children(twins)
    given = [consent(twins, OID, ["measures-everyday-environment", "needs", "team"], of=[second])]
    found = permitted(twins, OID, "early-education", given)
    assert plan(found.bundle)["subject"] == {"reference": second}
    assert second in references(found.bundle) and first not in references(found.bundle)
    assert first.encode() not in str(found.bundle).encode()


def test_parts_are_counted_for_each_child(twins: Json) -> None:
    first, second = children(twins)
    given = [
        consent(twins, OID, ["needs", "measures-everyday-environment"], of=[first]),
        consent(twins, OID, ["measures-everyday-environment"], of=[second]),
    ]
    found = permitted(twins, OID, "early-education", given)
    for one in resources(found.bundle, "Goal"):
        assert second not in str(one)


def test_a_permission_for_a_child_of_another_family(case: Json) -> None:
    stranger = {"resourceType": "Patient", "id": "stranger"}
    case["entry"].append({"resource": stranger})
    given = consent(case, OID, PARTS, of=["Patient/stranger"])
    assert refused(case, OID, "early-education", [given]) == "policy.other-children"


# --- Before any permission -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["draft", "entered-in-error"])
def test_a_plan_that_was_not_agreed_stays(case: Json, status: str) -> None:
    plan(case)["status"] = status
    assert refused(case, OID, "early-education", [consent(case, OID, PARTS)]) == "policy.plan-not-agreed"


def test_a_receiver_of_another_sector_gets_nothing(case: Json) -> None:
    assert refused(case, OID, "school", [consent(case, OID, PARTS)]) == "policy.sector-differs"


def test_an_unknown_sector_gets_nothing(case: Json) -> None:
    assert refused(case, OID, "police", [consent(case, OID, PARTS)]) == "policy.no-sector"


def test_what_is_no_plan_stays(case: Json) -> None:
    case["entry"].pop(0)
    assert refused(case, OID, "early-education", []) == "policy.no-plan"


def test_parts_that_the_plan_does_not_have(case: Json) -> None:
    plan(case).pop("activity")
    found = decide(case, OID, "early-education", [consent(case, OID, ["measures-everyday-environment"])])
    assert isinstance(found, Refused) and found.issue.key == "policy.nothing-left"


def test_the_archive_of_the_controller_needs_no_permission() -> None:
    case = example("aika-shared-plan-measures-abc")
    found = permitted(case, "2.999.13.10.1", "archive")
    assert references(found.bundle) >= {f"CarePlan/{plan(case)['id']}", *children(case)}
    assert found.bases[0].kind == "statutory" and "liite" in found.bases[0].provision


def test_nobody_else_becomes_an_archive(case: Json) -> None:
    """Else a receiver with the wrong sector would get by a permission what only the archive may have."""
    assert refused(case, OID, "archive", [consent(case, OID, PARTS)]) == "policy.sector-differs"
    assert refused(case, "2.999.88.1", "archive") == "policy.no-permission"
