"""Cases to decide on, made of the examples and of documents that nobody wrote, and permissions for them."""

import copy
import functools
import itertools
from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from service import pipeline
from service.fhir.json import parse
from service.policy import Permitted, Policy, Recipient, Refused, may
from service.print import narrative
from tests.intake.documents import make
from tests.shared import ROOT

NOW = datetime(2025, 9, 20, 15, 30, tzinfo=ZoneInfo("Europe/Helsinki"))
EXAMPLES = ROOT / "schemas" / "source" / "examples"
BASE = "https://yhdessa.example/fhir"
OURS = f"{BASE}/StructureDefinition"
HL7 = "http://terminology.hl7.org/CodeSystem"
KEY = b"a key for tests only"
Json = dict[str, Any]


@functools.cache
def policy() -> Policy:
    return Policy.load()


def cases_of(document: Any, style: str = "detail") -> list[Json]:
    """A case for each plan of a source document."""
    made = pipeline.default(KEY).convert(document, activity_style=style)
    assert made.bundle is not None, [one.text() for one in made.issues]
    every = [entry["resource"] for entry in made.bundle["entry"]]
    plans = [one for one in every if one["resourceType"] == "CarePlan"]
    return [collection([plan, *(one for one in every if one is not plan)]) for plan in plans]


@functools.cache
def _example(name: str, style: str) -> list[Json]:
    return cases_of(parse((EXAMPLES / f"{name}.json").read_bytes()), style)


def example(name: str, style: str = "detail", number: int = 0) -> Json:
    """A case that a test may change."""
    return copy.deepcopy(_example(name, style)[number])


@functools.cache
def invented(seed: int, kind: str = "shared-plan", style: str = "detail") -> tuple[Json, ...]:
    """Cases of a document made at random along the schema; none where what was made is no valid FHIR."""
    document = make(Random(seed), kind)
    made = pipeline.default(KEY).convert(document, activity_style=style)
    return tuple(cases_of(document, style)) if made.bundle else ()


def collection(resources: Iterable[Json]) -> Json:
    entries = [{"fullUrl": f"{BASE}/{reference(one)}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def resources(bundle: Json, kind: str | None = None) -> list[Json]:
    every = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in every if kind in (None, one["resourceType"])]


def reference(one: Json) -> str:
    return f"{one['resourceType']}/{one['id']}"


def references(bundle: Json) -> set[str]:
    return {reference(one) for one in resources(bundle)}


def plan(bundle: Json) -> Json:
    first: Json = bundle["entry"][0]["resource"]
    return first


def children(bundle: Json) -> list[str]:
    """The children of the plan, the subject first."""
    also = [one["valueReference"]["reference"] for one in extensions(plan(bundle), "also-concerns")]
    return list(dict.fromkeys([plan(bundle)["subject"]["reference"], *also]))


def extensions(one: Json, name: str) -> list[Json]:
    return [row for row in one.get("extension", ()) if row["url"] == f"{OURS}/{name}"]


def with_recipient(bundle: Json, oid: str, sector: str) -> Json:
    """The case with an organisation that may become a recipient."""
    organisation = {
        "resourceType": "Organization",
        "id": f"recipient-{oid.replace('.', '-')}",
        "identifier": [{"use": "official", "system": "urn:ietf:rfc:3986", "value": f"urn:oid:{oid}"}],
        "active": True,
        "type": [{"coding": [{"system": f"{BASE}/CodeSystem/sector", "code": sector}]}],
        "name": "Vastaanottaja",
    }
    return collection([*resources(bundle), organisation])


_numbers = itertools.count(1)


def consent(
    bundle: Json,
    oid: str,
    parts: Iterable[str],
    kind: str = "suostumus",
    *,
    of: Iterable[str] | None = None,
    status: str = "active",
    provision: str = "permit",
    direction: str = "to",
    given: str = "2025-09-01T12:00:00+03:00",
    period: Json | None = None,
    revoked: str | None = None,
) -> Json:
    """A Consent of our profile for the plan of a case."""
    first, *others = of or children(bundle)
    rows: list[Json] = [{"url": f"{OURS}/direction", "valueCoding": _coding("direction", direction)}]
    rows += [{"url": f"{OURS}/also-concerns", "valueReference": {"reference": one}} for one in others]
    if revoked:
        rows.append({"url": f"{OURS}/revoked", "valueDateTime": revoked})
    id_ = f"consent-{next(_numbers)}"
    return {
        "resourceType": "Consent",
        "id": id_,
        "meta": {"profile": [f"{OURS}/yhdessa-consent"]},
        "extension": rows,
        "identifier": [{"use": "usual", "system": "urn:oid:2.999.1", "value": id_}],
        "status": status,
        "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [_coding("permission-kind", kind)]}],
        "patient": {"reference": first},
        "dateTime": given,
        "performer": [{"reference": first}],
        "policy": [{"uri": "http://data.finlex.fi/eli/sd/2023/703"}],
        "provision": {
            "type": provision,
            **({"period": period} if period else {}),
            "actor": [
                {
                    "role": {"coding": [{"system": f"{HL7}/v3-ParticipationType", "code": "IRCP"}]},
                    "reference": {"identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{oid}"}},
                }
            ],
            "code": [{"coding": [_coding("plan-part", one)]} for one in parts],
            "data": [{"meaning": "instance", "reference": {"reference": reference(plan(bundle))}}],
        },
    }


def statutory(
    bundle: Json, oid: str, parts: Iterable[str], *, of: Iterable[str] = (), provision: str = "540/2018 41 §"
) -> None:
    """Give the plan of a case a statutory right of a recipient."""
    rows: list[Json] = [
        {"url": "id", "valueString": "r"},
        {"url": "organisation", "valueReference": {"identifier": {"value": f"urn:oid:{oid}"}}},
        {"url": "direction", "valueCoding": _coding("direction", "to")},
    ]
    rows += [{"url": "part", "valueCoding": _coding("plan-part", one)} for one in parts]
    rows += [{"url": "child", "valueReference": {"reference": one}} for one in of]
    rows += [{"url": "provision", "valueString": provision}] if provision else []
    plan(bundle).setdefault("extension", []).append({"url": f"{OURS}/statutory-disclosure", "extension": rows})


def _coding(system: str, code: str) -> Json:
    return {"system": f"{BASE}/CodeSystem/{system}", "code": code}


def decide(
    bundle: Json, oid: str, sector: str, permissions: Iterable[Json] = (), now: datetime = NOW
) -> Permitted | Refused:
    """The decision as the worker asks for it, checked by the validator."""
    validator = pipeline.default(KEY).validator
    return may(
        Recipient(oid, sector), bundle, list(permissions), now, policy=policy(), narrator=narrative, validator=validator
    )


def permitted(bundle: Json, oid: str, sector: str, permissions: Iterable[Json] = (), now: datetime = NOW) -> Permitted:
    found = decide(bundle, oid, sector, permissions, now)
    assert isinstance(found, Permitted), found.issue.text()
    return found


def refused(bundle: Json, oid: str, sector: str, permissions: Iterable[Json] = (), now: datetime = NOW) -> str:
    found = decide(bundle, oid, sector, permissions, now)
    assert isinstance(found, Refused), [one.expression for one in found.explained]
    return found.issue.key
