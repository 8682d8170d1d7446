"""What the SMART Bulk Data test suite asks of a server, asked of the running service: authorization, kick-off, status,
download. The suite itself is on no package index, so its checks are written anew here, in its groups and order.

https://github.com/smart-on-fhir/bdt
"""

import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from service.cli.client import Server, free_port
from tests.shared import ROOT

ORGANISATION = "2.999.10.10.1"
FORM = {
    "grant_type": "client_credentials",
    "scope": "system/*.read",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}
ERRORS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
}
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
LEVELS = {"patient": "/Patient/$export", "system": "/$export", "group": "/Group/model-yhdessa-tiimi/$export"}
level = pytest.mark.parametrize("path", LEVELS.values(), ids=LEVELS)
method = pytest.mark.parametrize("method", ["GET", "POST"])


class Suite:
    """The client of the suite: it has a key, asks for tokens, begins exports and cancels every one of them."""

    def __init__(self, base: str, key: ECKey) -> None:
        self.base = base
        self.key = key
        self.http = requests.Session()
        self.http.trust_env = False
        self._token: str | None = None
        self.begun: list[str] = []

    def assertion(
        self, changed: dict[str, str] | None = None, *, key: ECKey | None = None, header: dict[str, str] | None = None
    ) -> str:
        """A signed assertion; the claims in `changed` stand instead."""
        token_url = f"{self.base}/auth/token"
        claims: dict[str, Any] = {"iss": "bulk", "sub": "bulk", "aud": token_url, "exp": int(time.time()) + 240}
        head = {"alg": "ES384", "kid": str(self.key.kid), "typ": "JWT", **(header or {})}
        claims |= {"jti": str(uuid.uuid4())} | (changed or {})
        return jwt.encode(head, claims, key or self.key, algorithms=["ES384"])

    def ask(self, signed: str | None = None, **changed: str | None) -> requests.Response:
        """The answer of the token endpoint; what is None in `changed` is left out."""
        form = FORM | {"client_assertion": signed or self.assertion()} | changed
        given = {name: value for name, value in form.items() if value is not None}
        return self.http.post(f"{self.base}/auth/token", data=given, timeout=30)

    @property
    def token(self) -> str:
        if self._token is None:
            self._token = str(self.ask().json()["access_token"])
        return self._token

    def kick(
        self, path: str, method: str = "GET", parameters: Any = None, token: str | None = "", **headers: str | None
    ) -> requests.Response:
        """Begin an export; `parameters` in the address, or as a Parameters resource. `token` None: without one."""
        given: dict[str, str | None] = {"Accept": "application/fhir+json", "Prefer": "respond-async", **headers}
        if token is not None:
            given["Authorization"] = f"Bearer {token or self.token}"
        url = f"{self.base}/fhir{path}"
        if method == "GET":
            answer = self.http.get(url, params=parameters, headers=given, timeout=30)
        else:
            rows = [_parameter(name, one) for name, value in (parameters or {}).items() for one in _each(value)]
            body = json.dumps({"resourceType": "Parameters", "parameter": rows})
            given["Content-Type"] = "application/fhir+json"
            answer = self.http.post(url, body, headers=given, timeout=30)
        if answer.status_code == 202:
            self.begun.append(answer.headers["Content-Location"])
        return answer

    def get(self, url: str, token: str | None = "", method: str = "GET") -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token or self.token}"}
        return self.http.request(method, url, headers=headers, timeout=30)

    def manifest(self, kicked: requests.Response) -> requests.Response:
        """The status of an export once it is complete."""
        assert kicked.status_code == 202, kicked.text
        for _ in range(120):
            status = self.get(kicked.headers["Content-Location"])
            if status.status_code != 202:
                return status
            time.sleep(float(status.headers["Retry-After"]))
        raise TimeoutError

    def cancel(self) -> None:
        """Delete what was begun."""
        while self.begun:
            self.get(self.begun.pop(), method="DELETE")


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _parameter(name: str, value: Any) -> dict[str, Any]:
    kind = "valueReference" if isinstance(value, dict) else "valueInstant" if name == "_since" else "valueString"
    return {"name": name, kind: value}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The service with all example documents and a registered client."""
    folder = tmp_path_factory.mktemp("suite")
    key = folder / "key.json"
    _yhdessa("clients", "add", "bulk", "--organisation", ORGANISATION, "--role", "admin", "--new-key", key, data=folder)
    examples = ROOT / "schemas" / "source" / "examples" / "*.json"
    _yhdessa("batch", examples, folder / "out", "--load", data=folder)
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--data", str(folder / "data")]
    with Server(command, f"http://127.0.0.1:{port}", patience=60):
        yield Suite(f"http://127.0.0.1:{port}", ECKey.import_key(json.loads(key.read_bytes())))


@pytest.fixture
def suite(running: Suite) -> Iterator[Suite]:
    yield running
    running.cancel()


def _yhdessa(*arguments: str | Path, data: Path) -> None:
    command = [sys.executable, "-m", "service.cli", *map(str, arguments), "--data", str(data / "data")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def refused(answer: requests.Response) -> None:
    """A client error that an OperationOutcome explains."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


def accepted(answer: requests.Response) -> None:
    assert answer.status_code == 202, answer.text
    assert answer.headers["Content-Location"]
    assert not answer.content or answer.json()["resourceType"] == "OperationOutcome"


def oauth_error(answer: requests.Response, kind: str | None = None) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["error"] in ({kind} if kind else ERRORS)


def rows(download: requests.Response) -> list[dict[str, Any]]:
    """The resources of a file."""
    assert download.status_code == 200, download.text
    assert re.match(r"application/(fhir\+)?ndjson", download.headers["Content-Type"])
    lines = download.text.split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


# Authorization


@level
def test_kick_off_needs_a_token(suite: Suite, path: str) -> None:
    for token in (None, "invalidToken"):
        answer = suite.kick(path, token=token)
        assert answer.status_code == 401
        refused(answer)


def test_clients_can_authorize(suite: Suite) -> None:
    answer = suite.ask()
    body = answer.json()
    assert answer.status_code == 200
    assert body["access_token"]
    assert body["expires_in"] > 0
    assert body["token_type"].lower() == "bearer"
    assert body["scope"]


def test_the_token_endpoint_takes_forms_only(suite: Suite) -> None:
    url = f"{suite.base}/auth/token"
    oauth_error(suite.http.post(url, json=FORM | {"client_assertion": suite.assertion()}, timeout=30))


@pytest.mark.parametrize("name", [*FORM, "client_assertion"])
def test_every_parameter_is_there_and_valid(suite: Suite, name: str) -> None:
    oauth_error(suite.ask(**{name: "invalid test value"}))
    oauth_error(suite.ask(**{name: None}))


@pytest.mark.parametrize(
    "changed", [{"aud": "test-bad-aud-value"}, {"iss": "test-iss-value"}, {"iss": "nobody", "sub": "nobody"}]
)
def test_claims_of_the_assertion(suite: Suite, changed: dict[str, str]) -> None:
    oauth_error(suite.ask(suite.assertion(changed)))


@pytest.mark.parametrize(
    "scope", ["", "launch fhirUser", "system/Patient.unknownAction", "system/UnknownResource.read"]
)
def test_scopes_that_cannot_be(suite: Suite, scope: str) -> None:
    oauth_error(suite.ask(scope=scope), "invalid_scope")


@pytest.mark.parametrize("scope", ["system/*.*", "system/*.read", "system/Patient.*", "system/Patient.read"])
def test_wildcard_scopes(suite: Suite, scope: str) -> None:
    answer = suite.ask(scope=scope)
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"]


def test_the_address_of_keys_in_a_header_must_be_the_registered_one(suite: Suite) -> None:
    oauth_error(suite.ask(suite.assertion(header={"jku": "https://keys.example/other.jwks"})))


def test_the_signature(suite: Suite) -> None:
    other = ECKey.generate_key("P-384", {"kid": str(suite.key.kid)}, private=True)
    oauth_error(suite.ask(suite.assertion(key=other)))


# Kick-off


@level
@method
def test_kick_off_without_accept_is_as_if_it_were_there(suite: Suite, path: str, method: str) -> None:
    # The suite wants an error; since version 2 the IG lets the server go on as if it were `application/fhir+json`.
    accepted(suite.kick(path, method, Accept=None))


@level
@method
def test_kick_off_is_asynchronous(suite: Suite, path: str, method: str) -> None:
    refused(suite.kick(path, method, Prefer=None))
    accepted(suite.kick(path, method, Prefer="respond-async,handling=lenient"))


@level
@method
def test_output_formats(suite: Suite, path: str, method: str) -> None:
    for format_ in ("application/fhir+ndjson", "application/ndjson", "ndjson"):
        accepted(suite.kick(path, method, {"_outputFormat": format_}))
        suite.cancel()
    for format_ in ("application/xml", "text/html", "x-custom"):
        refused(suite.kick(path, method, {"_outputFormat": format_}))


@level
@method
@pytest.mark.parametrize("since", ["0000-60-01T30:70:80+05:00", "2057-01-01T00:00:00+05:00"])
def test_impossible_and_future_since(suite: Suite, path: str, method: str, since: str) -> None:
    refused(suite.kick(path, method, {"_since": since}))


@level
@method
def test_types(suite: Suite, path: str, method: str) -> None:
    refused(suite.kick(path, method, {"_type": "MissingType"}))
    accepted(suite.kick(path, method, {"_type": ["Patient", "CarePlan"]}))


@level
@method
def test_associated_data_and_type_filters(suite: Suite, path: str, method: str) -> None:
    latest, relevant = "LatestProvenanceResources", "RelevantProvenanceResources"
    for value in (latest, f"{latest},{relevant}", [latest, relevant]):
        accepted(suite.kick(path, method, {"includeAssociatedData": value}))
        suite.cancel()
    for value in ("Patient?active=true", ["Patient?active=true", "Patient?gender=male"]):
        accepted(suite.kick(path, method, {"_typeFilter": value}))
        suite.cancel()


@level
@method
def test_elements(suite: Suite, path: str, method: str) -> None:
    both: list[Any] = ["id,Patient.meta", ["id", "Patient.meta"]]
    for elements in both:
        status = suite.manifest(suite.kick(path, method, {"_elements": elements, "_type": "Patient"}))
        found = rows(suite.get(status.json()["output"][0]["url"]))
        assert found
        for one in found:
            assert one["id"]
            assert SUBSETTED in one["meta"]["tag"]
        suite.cancel()


@pytest.mark.parametrize("path", [LEVELS["patient"], LEVELS["group"]])
def test_named_patients(suite: Suite, path: str) -> None:
    every = suite.manifest(suite.kick(path, parameters={"_type": "Patient"}))
    first = rows(suite.get(every.json()["output"][0]["url"]))[0]["id"]
    wanted = {"patient": {"reference": f"Patient/{first}"}, "_type": "Patient"}
    status = suite.manifest(suite.kick(path, "POST", wanted))
    assert [one["id"] for one in rows(suite.get(status.json()["output"][0]["url"]))] == [first]


def test_an_export_of_the_system_names_no_patients(suite: Suite) -> None:
    patients = [{"reference": "Patient/123"}, {"reference": "Patient/456"}]
    refused(suite.kick(LEVELS["system"], "POST", {"patient": patients}))


# Status


def test_an_export_in_progress(suite: Suite) -> None:
    kicked = suite.kick(LEVELS["system"])
    status = suite.get(kicked.headers["Content-Location"])
    # A small export can be over before anybody has asked.
    assert status.status_code in (200, 202)
    if status.status_code == 202:
        assert "Content-Location" not in status.headers
        assert len(status.headers["X-Progress"]) < 100
        assert int(status.headers["Retry-After"]) > 0


def test_the_manifest(suite: Suite) -> None:
    kicked = suite.kick(LEVELS["system"], parameters={"_type": "Patient,CarePlan"})
    status = suite.manifest(kicked)
    body = status.json()
    assert status.status_code == 200
    assert status.headers["Content-Type"].startswith("application/json")
    assert parsedate_to_datetime(status.headers["Expires"]) > parsedate_to_datetime(status.headers["Date"])
    assert INSTANT.fullmatch(body["transactionTime"])
    assert body["request"] == kicked.url
    assert body["requiresAccessToken"] is True
    assert {one["type"] for one in body["output"]} == {"Patient", "CarePlan"}
    for one in (*body["output"], *body["error"], *body.get("deleted", ())):
        assert one["url"].startswith("http://")
        assert one["count"] > 0


def test_exports_can_be_cancelled(suite: Suite) -> None:
    place = suite.kick(LEVELS["system"]).headers["Content-Location"]
    assert suite.get(place, method="DELETE").status_code == 202
    for method_ in ("DELETE", "GET"):
        again = suite.get(place, method=method_)
        assert again.status_code == 404
        refused(again)


def test_what_was_left_out_is_told(suite: Suite) -> None:
    wanted = {"_type": "Patient", "_typeFilter": "Patient?unheard-of=1"}
    refused(suite.kick(LEVELS["system"], parameters=wanted, Prefer="respond-async,handling=strict"))
    status = suite.manifest(
        suite.kick(LEVELS["system"], parameters=wanted, Prefer="respond-async,handling=lenient")
    ).json()
    told = [one for file in status["error"] for one in rows(suite.get(file["url"]))]
    assert {one["resourceType"] for one in told} == {"OperationOutcome"}
    assert "_typeFilter" in json.dumps(told)


# Download


def test_files_need_a_token_that_covers_their_type(suite: Suite) -> None:
    status = suite.manifest(suite.kick(LEVELS["system"], parameters={"_type": "Patient"})).json()
    (file,) = status["output"]
    narrow = suite.ask(scope="system/Observation.read").json()["access_token"]
    for token in (None, "invalidToken", narrow):
        assert suite.get(file["url"], token=token).status_code >= 400
    found = rows(suite.get(file["url"]))
    assert len(found) == file["count"]
    assert {one["resourceType"] for one in found} == {"Patient"}


def test_files_of_a_deleted_export_are_gone(suite: Suite) -> None:
    kicked = suite.kick(LEVELS["system"], parameters={"_type": "Patient"})
    (file,) = suite.manifest(kicked).json()["output"]
    assert suite.get(kicked.headers["Content-Location"], method="DELETE").status_code == 202
    gone = suite.get(file["url"])
    assert gone.status_code == 404
    refused(gone)
