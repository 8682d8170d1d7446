"""Which resources belong to patients: the official patient compartment, asked of the index, or of a resource itself.

https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, false, literal, or_, select, true

from service.export.snapshot import Narrow
from service.fhir.json import JsonError, parse
from service.store.parameters import Parameters
from service.store.rows import local
from service.store.tables import export_member, reference, resource

PATIENT = "Patient"
PROVENANCE = "Provenance"
_CANONICAL = "http://hl7.org/fhir/CompartmentDefinition/patient"
# Who else is in a group, or is the same person, is not for a compartment to bring along.
_NOT = frozenset({"Group", "Person", "AuditEvent"})
# All of `Patient/`: the sign after the slash ends it.
_FIRST, _LAST = f"{PATIENT}/", f"{PATIENT}0"


@dataclass(frozen=True, slots=True)
class Patients:
    """The patients that are meant: those listed with the job, or all."""

    job: str | None = None


class Compartments:
    """The compartment of patients, as the search parameters of this store understand it."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    @functools.cached_property
    def params(self) -> Mapping[str, tuple[int, ...]]:
        """For each type in the compartment the numbers of the parameters that lead to the patient."""
        definition = self.parameters.definitions.get("CompartmentDefinition", _CANONICAL) or {}
        found: dict[str, tuple[int, ...]] = {}
        for row in definition.get("resource", ()):
            known = self.parameters.of(row["code"])
            numbers = tuple(known[one].id for one in row.get("param", ()) if one in known)
            if numbers and row["code"] not in _NOT:
                found[row["code"]] = numbers
        return found

    @functools.cached_property
    def types(self) -> frozenset[str]:
        """The types of what belongs to patients, with what says where that comes from."""
        return frozenset(self.params) | {PATIENT, PROVENANCE}

    def narrow(self, type_name: str, patients: Patients) -> Narrow:
        """Only what belongs to the patients; of a type outside the compartment nothing does."""
        return Narrow(
            lambda _: self._settled(type_name, patients),
            lambda connection, rows: self.kept(connection, type_name, rows, patients),
        )

    def _settled(self, type_name: str, patients: Patients) -> ColumnElement[bool]:
        if type_name == PATIENT:
            return true() if patients.job is None else _listed(literal(_FIRST) + resource.c.id, patients)
        params = self.params.get(type_name)
        if not params:
            return false()
        here = and_(reference.c.rid == resource.c.rid, reference.c.param.in_(params))
        meant = and_(reference.c.target >= _FIRST, reference.c.target < _LAST)
        if patients.job is not None:
            meant = _listed(reference.c.target, patients)
        return exists(select(reference.c.rid).where(here, meant).correlate(resource))

    def kept(self, connection: Connection, type_name: str, rows: Sequence[Any], patients: Patients) -> set[int]:
        """Which rows (number, id, …, body) belong to the patients, by what stands in the bodies themselves."""
        about = {row[0]: self.about(type_name, row[1], row[5]) for row in rows}
        if patients.job is None:
            return {rid for rid, found in about.items() if found}
        known = listed(connection, patients.job, {one for found in about.values() for one in found})
        return {rid for rid, found in about.items() if not known.isdisjoint(found)}

    def about(self, type_name: str, id_: str, body: bytes) -> list[str]:
        """The patients (relative references) in whose compartments a resource is, in order."""
        if type_name == PATIENT:
            return [f"{PATIENT}/{id_}"]
        params = self.params.get(type_name, ())
        found = self.parameters.extract(self._read(type_name, body)).reference if params else set()
        return sorted({target for _, param, target, _ in found if param in params and target.startswith(_FIRST)})

    @staticmethod
    def _read(type_name: str, body: bytes) -> dict[str, Any]:
        """A resource; one without content where it cannot be read, which whoever writes it will say."""
        try:
            found: dict[str, Any] = parse(body)
        except JsonError:
            return {"resourceType": type_name}
        return found

    def targets(self, body: bytes) -> list[tuple[str, str]]:
        """What a Provenance is about, as types and ids."""
        given = self._read(PROVENANCE, body).get("target", ())
        texts = [one.get("reference", "") for one in given if isinstance(one, dict)]
        parts = [local(one, self.parameters.base_urls).partition("/") for one in texts if isinstance(one, str)]
        return [(type_name, id_) for type_name, _, id_ in parts if id_ and "/" not in id_]


def listed(connection: Connection, job: str, targets: Collection[str]) -> set[str]:
    """Which of the references are among the patients of the job."""
    found: set[str] = set()
    wanted = sorted(targets)
    for start in range(0, len(wanted), 500):
        here = and_(export_member.c.job == job, export_member.c.target.in_(wanted[start : start + 500]))
        found |= set(connection.execute(select(export_member.c.target).where(here)).scalars())
    return found


def _listed(target: ColumnElement[str], patients: Patients) -> ColumnElement[bool]:
    member = export_member.alias()
    return exists(select(member.c.target).where(member.c.job == patients.job, member.c.target == target))


def both(narrows: Sequence[Narrow]) -> Narrow | None:
    """All of the conditions at once; None where there is none."""
    if not narrows:
        return None

    def settled(connection: Connection) -> ColumnElement[bool]:
        return and_(*(one.settled(connection) for one in narrows))

    def kept(connection: Connection, rows: Sequence[Any]) -> set[int]:
        found = {row[0] for row in rows}
        for one in narrows:
            found &= one.kept(connection, [row for row in rows if row[0] in found])
        return found

    return Narrow(settled, kept, any(one.always for one in narrows))


def either(narrows: Sequence[Narrow]) -> Narrow:
    """Any of the conditions."""

    def settled(connection: Connection) -> ColumnElement[bool]:
        return or_(*(one.settled(connection) for one in narrows))

    def kept(connection: Connection, rows: Sequence[Any]) -> set[int]:
        return set().union(*(one.kept(connection, rows) for one in narrows))

    return Narrow(settled, kept)
