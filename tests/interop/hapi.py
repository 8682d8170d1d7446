"""Deliveries to HAPI FHIR's own R4 server, with its real conditional semantics: twice is once, and what takes it back.

Run by `make interop`; 1 where the server ends up with anything else than what was agreed. The server (JPA, H2 in
memory) is `tests/interop/hapi_server`, built by Maven.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from service.deliver.receivers import make
from service.deliver.receivers.base import Limits, Receiver, ReceiverSettings, Shipment
from service.policy import Recipient
from tests.deliver.shipments import ABC, TOOLS, TWINS, shipment, withdrawal

HERE = Path(__file__).parent / "hapi_server"
TARGET = HERE / "target"
HEAP = "-Xmx1500m"
PATIENCE = 600.0
HEALTH = Recipient("2.999.13.10.2", "health", "puijon-neuvola")
LIMITS = Limits(connect=30, read=300, total=300, answer=10_000_000)
REFERENCE = "DocumentReference"
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "transaction": ("fhir_transaction", {}),
    "document Bundle": ("fhir_document", {"form": "bundle"}),
    "DocumentReference, Binary": ("fhir_document", {"form": "reference", "attachment": "binary"}),
    "DocumentReference, inline": ("fhir_document", {"form": "reference", "attachment": "inline"}),
}


def main(_arguments: Sequence[str] | None = None) -> int:
    """Deliver in every form, look, and print what was found."""
    missing = [one for one in ("java", "mvn") if shutil.which(one) is None]
    if missing:
        print(f"interop: {missing[0]} is not installed here; deliveries to HAPI FHIR are left out")
        return 0
    with server() as url:
        failures = [line for name in FORMS for line in _checked(name, url)]
    for line in failures:
        print(f"  wrong: {line}")
    print(f"HAPI FHIR: {len(FORMS)} forms of delivery, {len(failures)} failures")
    return 1 if failures else 0


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a HAPI FHIR server that is new and empty."""
    command = ["java", HEAP, "-cp", _compiled(), "fi.yhdessa.Receiver", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=HERE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit("interop: HAPI FHIR did not start")
        try:
            yield url
        finally:
            # It ends when its input does.
            process.stdin.close()


def _compiled() -> str:
    paths = TARGET / "classpath.txt"
    source = max(one.stat().st_mtime for one in (HERE / "pom.xml", *HERE.glob("src/**/*.java")))
    if not paths.exists() or paths.stat().st_mtime < source:
        print("compiling with Maven", file=sys.stderr)
        build = ["mvn", "-q", "-B", "compile", "dependency:build-classpath", f"-Dmdep.outputFile={paths}"]
        subprocess.run(build, cwd=HERE, check=True)
        paths.touch()
    return f"{TARGET / 'classes'}{os.pathsep}{paths.read_text('utf-8').strip()}"


def _checked(name: str, url: str) -> Iterator[str]:
    """What is not as it should be after everything that can happen to a plan, twice each."""
    kind, options = FORMS[name]
    # Each form is a recipient of its own, so that one does not see what another has left.
    recipient = replace(HEALTH, organisation=f"{HEALTH.organisation}.{list(FORMS).index(name)}")
    settings = ReceiverSettings("hapi", recipient.organisation, "health", kind, url, options=options, limits=LIMITS)
    receiver = make(settings)
    type_name = {"fhir_transaction": "CarePlan"}.get(kind, "Bundle" if options.get("form") == "bundle" else REFERENCE)
    start = _states(url, type_name)
    with contextlib.closing(receiver.connect()) as session:
        if found := [one.text() for one in receiver.check(session) if one.severity != "information"]:
            yield f"{name}: check: {found}"
        receiver.prepare(session)
        for step, what, expected in _steps(recipient, type_name):
            first = _deliver(receiver, what, session)
            before = _versions(url)
            second = _deliver(receiver, what, session)
            after = _versions(url)
            states = dict(_states(url, type_name) - start)
            same = "the same" if before == after else "CHANGED"
            print(f"  {name:26} {step:18} {first.seconds:6.2f} s {first.status:>4} {second.status:>4} {same}, {states}")
            if before != after:
                yield f"{name}: {step}: a second sending changed {_difference(before, after)}"
            if states != expected:
                yield f"{name}: {step}: {type_name} is {states}, not {expected}"


def _steps(recipient: Recipient, type_name: str) -> Iterator[tuple[str, Shipment, dict[str, int]]]:
    """What is sent one after the other, and in which states the server then holds what came of it."""
    gone = "entered-in-error"
    held: Counter[str] = Counter()
    for example, short, children in ((ABC, "one child", 1), (TWINS, "twins", 2)):
        each = children if type_name == REFERENCE else 1
        for version in (1, 2):
            # A document stays beside its next version, all else is replaced by it.
            held += Counter({_CURRENT[type_name]: each if version == 1 or type_name == "Bundle" else 0})
            what = shipment(example, recipient=recipient, version=version)
            yield f"{short}, version {version}", what, dict(held)
        held += Counter({gone: each})
        if type_name != "Bundle":
            held -= Counter({_CURRENT[type_name]: each})
        yield f"{short}, withdrawn", replace(withdrawal(example), recipient=recipient), dict(held)


_CURRENT = {"CarePlan": "active", REFERENCE: "current", "Bundle": "final"}


def _states(url: str, type_name: str) -> Counter[str]:
    """How many resources of a type are in which state; a document is in that of its Composition."""
    found = _all(url, type_name)
    if type_name == "Bundle":
        found = [one["entry"][0]["resource"] for one in found]
    return Counter(one["status"] for one in found)


class _Sent:
    def __init__(self, status: str, seconds: float) -> None:
        self.status, self.seconds = status, seconds


def _deliver(receiver: Receiver, what: Shipment, session: Any) -> _Sent:
    began = time.monotonic()
    receipt = receiver.send(what, receiver.parts(what, TOOLS), session)
    return _Sent(receipt.status, time.monotonic() - began)


def _versions(url: str) -> dict[str, int]:
    """For every resource its version, so that whatever changes is seen."""
    types = {one["type"] for one in _get(f"{url}/metadata")["rest"][0]["resource"]}
    held = sorted(types & _KEPT)
    return {
        f"{type_name}/{one['id']}": int(one["meta"]["versionId"]) for type_name in held for one in _all(url, type_name)
    }


_KEPT = frozenset({
    "Appointment", "Binary", "Bundle", "CarePlan", "CareTeam", "Consent", "DocumentReference", "Goal", "Location",
    "Organization", "Patient", "Practitioner", "PractitionerRole", "Provenance", "QuestionnaireResponse",
    "RelatedPerson", "ServiceRequest", "Task",
})  # fmt: skip


def _all(url: str, type_name: str) -> list[dict[str, Any]]:
    made = _get(f"{url}/{type_name}?_count=500", {"Cache-Control": "no-cache"})
    return [one["resource"] for one in made.get("entry", [])]


def _get(url: str, headers: dict[str, str] | None = None) -> Any:
    answer = requests.get(url, headers={"Accept": "application/fhir+json"} | (headers or {}), timeout=PATIENCE)
    answer.raise_for_status()
    return answer.json()


def _difference(before: dict[str, int], after: dict[str, int]) -> str:
    changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
    return ", ".join(sorted(changed)[:10])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
