"""What the record of one resource needs to know of others, as of one moment: permissions, deaths, plans, registers.

Gathered in one pass into a small file beside the run, so that memory does not grow with the number of clients.
"""

import functools
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from service.export.retention import day
from service.export.snapshot import Cut, chunks
from service.store.engine import Database
from service.store.values import instant

TYPES = ("Patient", "CarePlan", "CareTeam", "Appointment", "Consent", "Organization")
# What a Provenance can be about, which names no patient itself.
_ABOUT = ("CarePlan", "CareTeam", "Appointment")
_PATIENT = re.compile(rb'"reference":"(?:[^"]*/)?(Patient/[A-Za-z0-9\-.]{1,64})["/]')
_OTHERS = re.compile(rb'"reference":"(?:[^"]*/)?((?:CarePlan|CareTeam|Appointment)/[A-Za-z0-9\-.]{1,64})["/]')
_SECTOR = "https://yhdessa.example/fhir/CodeSystem/sector"
_KIND = "https://yhdessa.example/fhir/CodeSystem/permission-kind"
_TABLES = """
CREATE TABLE died (patient TEXT PRIMARY KEY, day TEXT);
CREATE TABLE subject (reference TEXT, patient TEXT, PRIMARY KEY (reference, patient));
CREATE TABLE consent (patient TEXT, reference TEXT, row BLOB, PRIMARY KEY (patient, reference));
CREATE TABLE register (oid TEXT PRIMARY KEY, sector TEXT, name TEXT);
"""


def patients(type_name: str, id_: str, body: bytes) -> list[str]:
    """The patients that a resource is about: itself, or those it refers to."""
    if type_name == "Patient":
        return [f"Patient/{id_}"]
    return sorted({match.decode() for match in _PATIENT.findall(body)})


def others(body: bytes) -> list[str]:
    """The plans, teams and meetings that a resource refers to."""
    return sorted({match.decode() for match in _OTHERS.findall(body)})


class Surroundings:
    """Answers from the file that `gather` made; one connection, for one thread."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)
        self.register = functools.lru_cache(maxsize=10_000)(self._register)

    def close(self) -> None:
        self._connection.close()

    def died(self, patient: str) -> date | None:
        """The day of death that the record itself has."""
        row = self._connection.execute("SELECT day FROM died WHERE patient = ?", (patient,)).fetchone()
        return day(row[0]) if row else None

    def about(self, type_name: str, id_: str, body: bytes) -> list[str]:
        """The patients that a resource is about, also by the plan or meeting that it is about."""
        found = patients(type_name, id_, body)
        if found:
            return found
        query = "SELECT patient FROM subject WHERE reference = ?"
        rows = (self._connection.execute(query, (one,)) for one in others(body))
        return sorted({row[0] for some in rows for row in some})

    def permissions(self, every: Iterable[str]) -> list[msgspec.Raw]:
        """The Consents of these patients as of the moment, one entry each, as JSON."""
        query = "SELECT reference, row FROM consent WHERE patient = ? ORDER BY reference"
        rows = {row[0]: row[1] for one in every for row in self._connection.execute(query, (one,))}
        return [msgspec.Raw(row) for _, row in sorted(rows.items())]

    def _register(self, organisation: str) -> dict[str, str]:
        query = "SELECT sector, name FROM register WHERE oid = ?"
        row = self._connection.execute(query, (organisation,)).fetchone()
        found = {"organisation": organisation}
        return found | {name: value for name, value in zip(("sector", "name"), row or (), strict=False) if value}


def gather(database: Database, at: int, file: Path) -> None:
    """Read what is needed as of `at` into `file`, written beside and renamed."""
    beside = file.with_name(f".{file.name}.part")
    with suppress(FileNotFoundError):
        beside.unlink()
    with closing(sqlite3.connect(beside)) as connection:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES)
        for name in TYPES:
            for rows in chunks(database, name, Cut(at)):
                for table, row in _facts(name, rows):
                    marks = ",".join("?" * len(row))
                    connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608
        connection.commit()
    beside.replace(file)


def _facts(type_name: str, rows: Iterable[Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for _, id_, version, updated, _, body, _ in rows:
        if type_name in _ABOUT:
            yield from (("subject", (f"{type_name}/{id_}", one)) for one in patients(type_name, id_, body))
            continue
        resource = msgspec.json.decode(body)
        if type_name == "Patient" and (died := resource.get("deceasedDateTime")):
            yield "died", (f"Patient/{id_}", died)
        elif type_name == "Consent":
            row = msgspec.json.encode(_permission(resource, f"Consent/{id_}", version, updated))
            yield from (("consent", (one, f"Consent/{id_}", row)) for one in patients(type_name, id_, body))
        elif type_name == "Organization":
            sector = _code(resource.get("type", ()), _SECTOR)
            oids = [str(one.get("value", "")).removeprefix("urn:oid:") for one in resource.get("identifier", ())]
            named = resource.get("name", "")
            yield from (("register", (oid, sector, named)) for oid in oids if re.fullmatch(r"[0-2](\.\d+)+", oid))


def _permission(consent: dict[str, Any], reference: str, version: int, updated: int) -> dict[str, Any]:
    provision = consent.get("provision", {})
    row: dict[str, Any] = {
        "reference": reference,
        "version": version,
        "kind": _code(consent.get("category", ()), _KIND),
        "status": consent.get("status"),
        "given": consent.get("dateTime"),
        "period": provision.get("period"),
        "recipients": [_target(one) for one in provision.get("actor", ())],
        "about": [_target(one) for one in provision.get("data", ())],
        "changed": instant(updated),
    }
    return {name: value for name, value in row.items() if value}


def _target(row: dict[str, Any]) -> str:
    return str(row.get("reference", {}).get("reference", ""))


def _code(concepts: Iterable[dict[str, Any]], system: str) -> str:
    codings = (coding for one in concepts for coding in one.get("coding", ()))
    return next((str(one.get("code", "")) for one in codings if one.get("system") == system), "")
