"""The examples of the Finnish packages against the profiles they name.

The packages carry what their publisher's validator found; the errors below are among that.
"""

import functools
import tarfile

import pytest

from service.fhir.definitions import core
from service.fhir.pack import memory
from service.fhir.packages import read_package
from service.issues import Issue
from service.validation import Validator
from tests.shared import shared
from tests.validation.kit import ROOT, TEXT, kinds, profile

PACKAGES = ("hl7.fhir.fi.base-2.0.0-rc2", "hl7.fhir.fi.scheduling-2.0.0-rc2")
METADATA = "Provenance-kanta-document-metadata-profile-test-example"
# What the packages' own `other/validation-oo.json` says too; the rest there are displays for a LOINC server to judge.
ERRORS = {
    ("Observation-bloodpressure-max", "values.empty"),
    ("Observation-bloodglucose-as-text", "validation.code-unknown"),
    ("Observation-1153859e-0c86-1000-abb8-511d0000b222", "validation.slice-minimum"),
    # From the profile that theirs imposes.
    *((f"{METADATA}-{number}", f"validation.{key}") for number in (1, 2) for key in ("minimum", "slice-minimum")),
}


@functools.cache
def finnish() -> Validator:
    return Validator(core().with_packages(read_package(shared("fhir-packages", f"{name}.tgz")) for name in PACKAGES))


def examples() -> dict[str, bytes]:
    """The examples in the packages by name."""
    found = {}
    for package in PACKAGES:
        with tarfile.open(shared("fhir-packages", f"{package}.tgz")) as archive:
            for member in archive.getmembers():
                stream = archive.extractfile(member) if member.name.startswith("package/example/") else None
                if stream is not None:
                    found[member.name.rpartition("/")[2].removesuffix(".json")] = stream.read()
    return found


@pytest.mark.slow
def test_the_examples_have_only_the_errors_that_are_known() -> None:
    found = examples()
    assert len(found) > 80
    errors = {(name, one.key) for name, text in found.items() for one in finnish().validate_text(text) if one.is_error}
    assert errors == ERRORS


def patient_issues(**more: object) -> list[Issue]:
    url = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/fi-base-patient"
    patient = {"resourceType": "Patient", "text": TEXT, "meta": {"profile": [url]}, "name": [{"family": "A"}], **more}
    return [one for one in finnish().validate(patient) if one.is_error]


def test_a_finnish_profile_is_enforced() -> None:
    url = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/fi-base-patient"
    assert patient_issues() == []
    municipality = "https://hl7.fi/fhir/finnish-base-profiles/StructureDefinition/municipality-code"
    found = patient_issues(extension=[{"url": municipality, "valueString": "297"}])
    assert [one.pointer for one in found] == ["/extension/0/valueString"]
    assert all(one.profile != url for one in found)


def test_a_profile_may_impose_another() -> None:
    imposed = "http://hl7.org/fhir/StructureDefinition/structuredefinition-imposeProfile"
    one = profile("one", "Patient", {"id": "Patient.gender", "min": 1})
    two = profile("two", "Patient", {"id": "Patient.birthDate", "min": 1})
    one["extension"] = [{"url": imposed, "valueCanonical": ROOT + "two"}]
    two["extension"] = [{"url": imposed, "valueCanonical": ROOT + "one"}]
    validator = Validator(core().with_packages([memory([one, two], {"name": "imposing"})]))
    patient = {"resourceType": "Patient", "text": TEXT, "active": True}
    found = validator.validate(patient, [ROOT + "one"])
    assert kinds(found) == ["minimum", "minimum"]
