"""What of the record belongs to an export: for each type the cut and the conditions that its job asks for.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#processing-model
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, select, true

from service.export import filters
from service.export.compartments import PROVENANCE, Compartments, Patients, both
from service.export.jobs import Job
from service.export.snapshot import Cut, Narrow, among
from service.export.wanted import LATEST, RELEVANT
from service.store import Store
from service.store.tables import reference, resource
from service.store.visibility import visible

Key = tuple[str, str]


class Selection:
    """What one job exports."""

    def __init__(self, store: Store, job: Job, compartments: Compartments | None = None) -> None:
        self.store = store
        self.job = job
        self.wanted = job.wanted
        self.compartments = compartments or Compartments(store.parameters)
        self.patients = Patients(job.id if self.wanted.is_narrow else None)

    @functools.cached_property
    def filters(self) -> Mapping[str, Narrow]:
        found = (filters.read(self.store, one, self.job.at) for one in self.wanted.filters)
        return filters.narrows(found, self.store.parameters)

    def types(self, there: Iterable[str]) -> list[str]:
        """Those of the types `there` that are exported, in order."""
        asked = set(self.wanted.types)
        if asked and self.wanted.associated:
            asked.add(PROVENANCE)
        own = self.compartments.types if self.wanted.level != "system" else None
        return [
            one
            for one in sorted(there)
            if self.wanted.allows(one) and (not asked or one in asked) and (own is None or one in own)
        ]

    def cut(self, type_name: str) -> Cut:
        wanted = self.wanted
        if type_name == PROVENANCE and wanted.associated:
            # It goes with what it is about, whenever it was written itself.
            return Cut(self.job.at, who=wanted.who)
        return Cut(self.job.at, wanted.since, wanted.until, wanted.who)

    def narrow(self, type_name: str) -> Narrow | None:
        """The conditions for a type beside its cut; None where there are none."""
        found: list[Narrow] = []
        if type_name == PROVENANCE and (self.wanted.level != "system" or self.wanted.associated):
            found.append(Narrow(lambda _: true(), self._associated, always=True))
        elif self.wanted.level != "system":
            found.append(self.compartments.narrow(type_name, self.patients))
        if type_name in self.filters:
            found.append(self.filters[type_name])
        return both(found)

    def _associated(self, connection: Connection, rows: Sequence[Any]) -> set[int]:
        """The rows of Provenance that are about something that is exported, or that belongs to the patients."""
        about = {row[0]: self.compartments.targets(row[5]) for row in rows}
        keys = {key for found in about.values() for key in found}
        if not self.wanted.associated:
            own = self._belonging(connection, keys)
            return {rid for rid, found in about.items() if not own.isdisjoint(found)}
        exported = self._exported(connection, keys)
        if RELEVANT in self.wanted.associated:
            return {rid for rid, found in about.items() if not exported.isdisjoint(found)}
        newest = self._newest(connection, exported, rows) if LATEST in self.wanted.associated else set()
        return {rid for rid in about if rid in newest}

    def _belonging(self, connection: Connection, keys: Iterable[Key]) -> set[Key]:
        """Which of these resources belong to the patients, whether they are exported or not."""
        found: set[Key] = set()
        for type_name, ids in _by_type(keys).items():
            if type_name in self.compartments.types:
                narrow = self.compartments.narrow(type_name, self.patients)
                rows = among(connection, type_name, ids, Cut(self.job.at), narrow)
                found |= {(type_name, row[1]) for row in rows}
        return found

    def _exported(self, connection: Connection, keys: Iterable[Key]) -> set[Key]:
        found: set[Key] = set()
        by_type = _by_type(keys)
        for type_name in self.types(by_type):
            if type_name != PROVENANCE and (not self.wanted.types or type_name in self.wanted.types):
                cut, narrow = self.cut(type_name), self.narrow(type_name)
                found |= {(type_name, row[1]) for row in among(connection, type_name, by_type[type_name], cut, narrow)}
        return found

    def _newest(self, connection: Connection, keys: Iterable[Key], rows: Sequence[Any]) -> set[int]:
        """The numbers of the newest Provenance about each of the resources, as far as the client sees it."""
        param = self.store.parameters.of(PROVENANCE)["target"].id
        latest: dict[Key, tuple[int, int]] = {}
        for row in rows:
            for key in self.compartments.targets(row[5]):
                latest[key] = max(latest.get(key, (0, 0)), (row[3], row[0]))
        wished = sorted({"/".join(key) for key in keys})
        cut = self.cut(PROVENANCE)
        for start in range(0, len(wished), 500):
            here = and_(reference.c.param == param, reference.c.target.in_(wished[start : start + 500]))
            joined = reference.join(resource, resource.c.rid == reference.c.rid)
            settled = and_(resource.c.updated <= cut.at, visible(cut.who, resource))
            columns = (reference.c.target, resource.c.rid, resource.c.updated)
            for target, rid, updated in connection.execute(select(*columns).select_from(joined).where(here, settled)):
                type_name, _, id_ = target.partition("/")
                latest[type_name, id_] = max(latest.get((type_name, id_), (0, 0)), (updated, rid))
        return {latest[key][1] for key in keys if key in latest}


def _by_type(keys: Iterable[Key]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for type_name, id_ in keys:
        found.setdefault(type_name, set()).add(id_)
    return found
