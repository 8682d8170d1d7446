"""Push to an archive that offers `$bulk-submit`: it is told where an export lies, fetches it, and says how it went.

https://hl7.org/fhir/uv/bulkdata/4.0.0-202609-ballot/en/submit.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin

import msgspec

from service.fhir.json import JsonError, encode, parse
from service.issues import Issue, issue

FHIR, NDJSON = "application/fhir+json", "application/fhir+ndjson"
_STATUS = "http://hl7.org/fhir/event-status"
OPEN, COMPLETED, STOPPED = "in-progress", "completed", "stopped"


class SubmitError(ValueError):
    """What the archive refuses, or does not answer as it should; `issue` says what."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.key)
        self.issue = found


class Answer(Protocol):
    """What came back; header names in lower case."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


Exchange = Callable[[str, str, bytes | None, Mapping[str, str]], Answer]
"""(method, URL, body, headers) → answer; it authenticates."""


class Submission(msgspec.Struct, frozen=True):
    """A submission as we keep it: its manifests in the order they were told, and where its status can be asked."""

    id: str
    at: int
    state: str = OPEN
    manifests: list[str] = []
    jobs: list[str] = []
    status: str = ""


@dataclass(frozen=True, slots=True)
class Consumer:
    """The archive's FHIR base (`url`), our identifier there, and the base of this service for the files."""

    url: str
    system: str
    value: str
    base: str
    exchange: Exchange

    def tell(self, submission: Submission, manifest: str | None, replaces: str | None, state: str) -> None:
        """Tell of a manifest, or of the new state, or of both. Raises `SubmitError`."""
        given = [*self._named(submission), _coding("submissionStatus", state)]
        if manifest:
            given += [
                {"name": "manifestUrl", "valueUrl": manifest},
                {"name": "fhirBaseUrl", "valueUrl": f"{self.base}/fhir"},
                {"name": "outputFormat", "valueString": NDJSON},
                {"name": "oauthMetadataUrl", "valueUrl": f"{self.base}/.well-known/smart-configuration"},
            ]
        if replaces:
            given.append({"name": "replacesManifestUrl", "valueUrl": replaces})
        answer = self._post("$bulk-submit", given, {})
        if answer.status != 200:
            raise _refused(answer)

    def ask(self, submission: Submission) -> str:
        """Begin to ask for the status; gives the address to poll. Raises `SubmitError`."""
        answer = self._post("$bulk-submit-status", self._named(submission), {"Prefer": "respond-async"})
        place = answer.headers.get("content-location", "")
        if answer.status != 202 or not place:
            raise _refused(answer)
        return urljoin(f"{self.url}/", place)

    def poll(self, place: str) -> tuple[bool, dict[str, Any], float]:
        """Whether the archive has finished, the status manifest so far, and the seconds to wait before the next ask."""
        answer = self.exchange("GET", place, None, {"Accept": "application/json"})
        if answer.status not in (200, 202, 429):
            raise _refused(answer)
        after = answer.headers.get("retry-after", "")
        return answer.status == 200, _object(answer.body), float(after) if after.isdecimal() else 5.0

    def outcomes(self, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the archive says of single files and resources: the OperationOutcomes of the status manifest."""
        found: list[dict[str, Any]] = []
        # The ballot of 4.0 says `outcome` where releases before it said `error`.
        for row in (*manifest.get("outcome", ()), *manifest.get("error", ())):
            answer = self.exchange("GET", str(row.get("url", "")), None, {"Accept": NDJSON})
            if answer.status != 200:
                raise _refused(answer)
            found += [_object(line) for line in answer.body.splitlines() if line.strip()]
        return found

    def _named(self, submission: Submission) -> list[dict[str, Any]]:
        return [
            {"name": "submitter", "valueIdentifier": {"system": self.system, "value": self.value}},
            {"name": "submissionId", "valueString": submission.id},
        ]

    def _post(self, operation: str, given: list[dict[str, Any]], more: Mapping[str, str]) -> Answer:
        body = encode({"resourceType": "Parameters", "parameter": given})
        return self.exchange("POST", f"{self.url}/{operation}", body, {"Content-Type": FHIR, "Accept": FHIR, **more})


def _coding(name: str, code: str) -> dict[str, Any]:
    return {"name": name, "valueCoding": {"system": _STATUS, "code": code}}


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = parse(body) if body.strip() else {}
    except JsonError:
        return {}
    return found if isinstance(found, dict) else {}


def _refused(answer: Answer) -> SubmitError:
    rows = _object(answer.body).get("issue", ())
    told = [str(one.get("details", {}).get("text") or one.get("diagnostics") or one.get("code")) for one in rows]
    return SubmitError(issue("archive.refused", reason="; ".join([str(answer.status), *told])))
