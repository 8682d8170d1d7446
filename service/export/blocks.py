"""`organizeOutputBy=Patient`: for each patient a block of all that belongs to it.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#bulk-data-output-file-organization
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, select

from service.export.compartments import PATIENT, PROVENANCE
from service.export.jobs import File
from service.export.selection import Selection
from service.export.snapshot import Cut, among, chunks, wanted
from service.store import cuts
from service.store.tables import reference, resource

Found = dict[str, set[int]]
"""Numbers of resources by type."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What has changed since the cut, and so stands in the index otherwise: what belonged to each patient by type.

    `about` are the numbers of each Provenance by what it was about.
    """

    found: dict[str, Found]
    about: dict[str, set[int]]


@dataclass
class Block:
    """One patient: the rows that belong to it, each with its type. `held` are files that it has filled by itself."""

    selection: Selection
    rid: int
    id: str
    moved: Moved
    held: list[File | None] = field(default_factory=list)

    def header(self) -> dict[str, Any]:
        """The resource that begins the block, and each file in which it goes on."""
        reference_ = {"reference": f"{PATIENT}/{self.id}"}
        return {"resourceType": "Parameters", "parameter": [{"name": "header", "valueReference": reference_}]}

    def rows(self) -> Iterator[tuple[str, Any]]:
        """The patient first, then by type; where the rows come from last."""
        with self.selection.store.database.read() as connection:
            found = self._found(connection)
            types = self.selection.types([PATIENT, *found])
            for name in sorted(types, key=lambda one: (one != PATIENT, one)):
                for row in self._of_type(connection, name, found.get(name, set())):
                    yield name, row
            if PROVENANCE in self.selection.types([PROVENANCE]):
                for row in self._provenance(connection, found):
                    yield PROVENANCE, row

    def _found(self, connection: Connection) -> Found:
        """What refers to the patient and has not changed since the cut, and what has and did refer to it then."""
        params = [one for numbers in self.selection.compartments.params.values() for one in numbers]
        settled = resource.c.updated <= self.selection.job.at
        here = and_(reference.c.target == f"{PATIENT}/{self.id}", reference.c.param.in_(params), settled)
        joined = reference.join(resource, resource.c.rid == reference.c.rid)
        own = self.moved.found.get(f"{PATIENT}/{self.id}", {})
        found: Found = {name: set(rids) for name, rids in own.items()}
        for row in connection.execute(select(resource.c.type, resource.c.rid).select_from(joined).where(here)):
            if row.type not in (PATIENT, PROVENANCE):
                found.setdefault(row.type, set()).add(row.rid)
        return found

    def _of_type(self, connection: Connection, name: str, rids: set[int]) -> list[Any]:
        cut, narrow = self.selection.cut(name), self.selection.narrow(name)
        if name == PATIENT:
            return among(connection, name, [self.id], cut, narrow)
        return [] if name == PROVENANCE else self._rows(connection, name, rids)

    def _rows(self, connection: Connection, name: str, rids: Iterable[int]) -> list[Any]:
        cut, narrow = self.selection.cut(name), self.selection.narrow(name)
        wished = sorted(rids)
        rows: list[Any] = []
        for start in range(0, len(wished), 500):
            statement = wanted(connection, name, cut, narrow=narrow)
            rows += connection.execute(statement.where(resource.c.rid.in_(wished[start : start + 500])))
        moved = [row for row in rows if narrow is not None and (narrow.always or row[6] > cut.at)]
        kept = narrow.kept(connection, moved) if narrow is not None and moved else set()
        dropped = {row[0] for row in moved} - kept
        return [row for row in rows if row[0] not in dropped]

    def _provenance(self, connection: Connection, found: Found) -> list[Any]:
        """What says where the patient and what belongs to it come from."""
        rids = sorted({self.rid, *(rid for some in found.values() for rid in some)})
        param = self.selection.store.parameters.of(PROVENANCE)["target"].id
        about: set[int] = set()
        keys: set[str] = set()
        for start in range(0, len(rids), 500):
            these = resource.c.rid.in_(rids[start : start + 500])
            named = (resource.c.type + "/" + resource.c.id).label("target")
            some = list(connection.execute(select(named).where(these)).scalars())
            joined = reference.join(resource, resource.c.rid == reference.c.rid)
            settled = resource.c.updated <= self.selection.job.at
            here = and_(reference.c.param == param, reference.c.target.in_(some), settled)
            about |= set(connection.execute(select(reference.c.rid).select_from(joined).where(here)).scalars())
            keys.update(some)
        for key in keys & self.moved.about.keys():
            about |= self.moved.about[key]
        return self._rows(connection, PROVENANCE, about)


def blocks(selection: Selection, after: int) -> Iterator[Block]:
    """The block of each patient after the number `after`; one may turn out to be empty."""
    moved = _moved(selection)
    everyone = Cut(selection.job.at, who=selection.wanted.who)
    narrow = selection.compartments.narrow(PATIENT, selection.patients)
    for rows in chunks(selection.store.database, PATIENT, everyone, after=after, narrow=narrow):
        for row in rows:
            yield Block(selection, row[0], row[1], moved)


def _moved(selection: Selection) -> Moved:
    found: dict[str, Found] = {}
    about: dict[str, set[int]] = {}
    at = selection.job.at
    with selection.store.database.read() as connection:
        for name in selection.types(cuts.types(connection)):
            if name == PATIENT:
                continue
            for row in connection.execute(wanted(connection, name, Cut(at)).where(resource.c.updated > at)):
                if name == PROVENANCE:
                    for key in selection.compartments.targets(row[5]):
                        about.setdefault("/".join(key), set()).add(row[0])
                    continue
                for one in selection.compartments.about(name, row[1], row[5]):
                    found.setdefault(one, {}).setdefault(name, set()).add(row[0])
    return Moved(found, about)
