"""What an export was asked for, in the form in which it is kept with its job.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#query-parameters
"""

from typing import Any, Literal

import msgspec

from service.issues import Issue, issue
from service.store import Visibility

Level = Literal["system", "patient", "group"]
LATEST, RELEVANT = "LatestProvenanceResources", "RelevantProvenanceResources"
ASSOCIATED = (LATEST, RELEVANT)
ORGANIZED = ("Patient",)
ANY = "*"


class Note(msgspec.Struct, frozen=True):
    """Something to be told in the file of outcomes: the key of an issue, and its values."""

    key: str
    params: dict[str, str]

    @property
    def issue(self) -> Issue:
        params: dict[str, Any] = dict(self.params)
        return issue(self.key, **params)


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request, read and found possible.

    `types` are those asked for, none for all; `allowed` those that the client's scopes let it read, `*` for all. Times
    in microseconds. `filters` are `Type?query`, decoded; `patients` relative references; `group` the id of a Group.
    `scope` and `organisations` say what the client sees.
    """

    level: Level
    url: str
    allowed: tuple[str, ...]
    scope: str
    organisations: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    elements: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    group: str = ""
    organized: str = ""
    associated: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    role: str = ""
    language: str = "en"
    token: bool = True

    @property
    def who(self) -> Visibility:
        return Visibility(self.scope, self.organisations)  # type: ignore[arg-type]

    @property
    def is_narrow(self) -> bool:
        """Whether only certain patients are meant, which the job then lists."""
        return bool(self.group or self.patients)

    def allows(self, type_name: str) -> bool:
        return ANY in self.allowed or type_name in self.allowed


def write(wanted: Wanted) -> bytes:
    return msgspec.json.encode(wanted)


def read(data: bytes) -> Wanted:
    return msgspec.json.decode(data, type=Wanted)
