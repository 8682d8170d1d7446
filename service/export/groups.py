"""Groups that nobody keeps up: the patients of a county, a municipality, a working model or an organisation.

A patient belongs to the county, municipality and model that its source documents name in their headers, and to the
organisation that wrote them. One whose whereabouts are protected (turvakielto) is in no group of a municipality.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, true

from service.store import Store, Visibility
from service.store.engine import Database
from service.store.tables import document, document_resource, document_version, resource, token
from service.store.visibility import visible

Kind = Literal["county", "municipality", "model", "organisation"]
KINDS: tuple[Kind, ...] = ("county", "municipality", "model", "organisation")
OWN = "https://yhdessa.example/fhir/CodeSystem/"
SYSTEM = "https://yhdessa.example/fhir/NamingSystem/group"
_SYSTEMS: Mapping[str, str] = {
    "county": f"{OWN}county",
    "municipality": "urn:oid:1.2.246.537.6.21",
    "model": f"{OWN}working-model",
}
_NAMES = {"county": "County", "municipality": "Municipality", "model": "Working model", "organisation": "Organisation"}
_ID = re.compile(r"(county|municipality|model|organisation)-([A-Za-z0-9.\-]{1,50})")
_PROTECTED = "TURVAKIELTO"
_SOME = 500


class _Header(msgspec.Struct):
    """What of a document says where it belongs."""

    county: str = ""
    municipality: str = ""
    model: str = ""


_decoder = msgspec.json.Decoder(_Header)


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """One group: the patients with this value."""

    kind: Kind
    value: str

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.value}"

    def resource(self) -> dict[str, Any]:
        """As a FHIR Group, without its members: they are known when it is exported."""
        coding = {"system": _SYSTEMS[self.kind], "code": self.value} if self.kind in _SYSTEMS else None
        if coding is not None:
            value: dict[str, Any] = {"valueCodeableConcept": {"coding": [coding], "text": self.value}}
        else:
            identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{self.value}"}
            value = {"valueReference": {"identifier": identifier}}
        return {
            "resourceType": "Group",
            "id": self.id,
            "identifier": [{"system": SYSTEM, "value": self.id}],
            "active": True,
            "type": "person",
            "actual": False,
            "name": f"{_NAMES[self.kind]} {self.value}",
            "characteristic": [{"code": {"text": self.kind}, **value, "exclude": False}],
        }


def read_id(id_: str) -> Group | None:
    """The group with this id, whether it has patients or not; None for an id that is none of these."""
    match = _ID.fullmatch(id_)
    return None if match is None else Group(match[1], match[2])  # type: ignore[arg-type]


class Catalogue:
    """The groups there are, found in the headers of documents; what was read once is not read again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._at = 0
        self._seen: dict[Group, set[str]] = {}

    def groups(self, who: Visibility) -> list[Group]:
        """Those with patients that `who` may see, in order."""
        with self._database.read() as connection:
            organisations = _organisations(connection, who)
        found = {Group("organisation", one) for one in organisations}
        if who.scope in ("everything", "source"):
            self._read()
            everything = who.scope == "everything"
            found |= {
                one for one, owners in self._seen.items() if everything or not owners.isdisjoint(who.organisations)
            }
        return sorted(found)

    def _read(self) -> None:
        # From the last moment on again: something may have been committed in it since.
        for row in headers(self._database, document.c.updated >= self._at):
            self._at = max(self._at, row.updated)
            for one in row.groups:
                self._seen.setdefault(one, set()).add(row.organisation)


@dataclass(frozen=True, slots=True)
class Document:
    """A source document: its number, who wrote it, when it changed last, and the groups that it puts a family into."""

    did: int
    organisation: str
    updated: int
    groups: frozenset[Group]


def headers(database: Database, condition: ColumnElement[bool]) -> Iterator[Document]:
    """Every source document for which the condition on `document` holds, some at a time."""
    after = 0
    current = and_(document_version.c.did == document.c.did, document_version.c.version == document.c.version)
    columns = (document.c.did, document.c.organisation, document.c.updated, document_version.c.body)
    while True:
        statement = select(*columns).select_from(document.join(document_version, current))
        statement = statement.where(condition, document.c.did > after).order_by(document.c.did).limit(_SOME)
        with database.read() as connection:
            rows = list(connection.execute(statement))
        for row in rows:
            yield Document(row.did, row.organisation, row.updated, _groups(row.body))
        if len(rows) < _SOME:
            return
        after = rows[-1].did


def _groups(body: bytes) -> frozenset[Group]:
    try:
        header = _decoder.decode(body)
    except msgspec.DecodeError:
        return frozenset()
    given: dict[Kind, str] = {
        "county": header.county,
        "municipality": header.municipality,
        "model": header.model,
    }
    return frozenset(Group(kind, value) for kind, value in given.items() if value)


def members(store: Store, one: Group, who: Visibility) -> Iterator[list[str]]:
    """The patients of a group that `who` may see, as relative references, some at a time; some may come again."""
    if one.kind == "organisation":
        yield from _patients_of(store, one.value, who)
        return
    if who.scope not in ("everything", "source"):
        return
    own = true() if who.scope == "everything" else document.c.organisation.in_(who.organisations)
    some: list[int] = []
    for row in headers(store.database, own):
        if one in row.groups:
            some.append(row.did)
        if len(some) == _SOME:
            yield _named(store, one, some, who)
            some = []
    yield _named(store, one, some, who)


def _named(store: Store, one: Group, dids: Iterable[int], who: Visibility) -> list[str]:
    """The patients of documents."""
    joined = document_resource.join(resource, resource.c.rid == document_resource.c.rid)
    of = and_(document_resource.c.did.in_(list(dids)), resource.c.type == "Patient", visible(who, resource))
    shown = and_(of, ~_protected(store)) if one.kind == "municipality" else of
    with store.database.read() as connection:
        return [
            f"Patient/{id_}"
            for id_ in connection.execute(select(resource.c.id).select_from(joined).where(shown)).scalars()
        ]


def _protected(store: Store) -> ColumnElement[bool]:
    param = store.parameters.of("Patient")["_security"].id
    label = and_(token.c.rid == resource.c.rid, token.c.param == param, token.c.code == _PROTECTED)
    return exists(select(token.c.rid).where(label).correlate(resource))


def _patients_of(store: Store, organisation: str, who: Visibility) -> Iterator[list[str]]:
    after = 0
    own = and_(resource.c.type == "Patient", resource.c.organisation == organisation, visible(who, resource))
    while True:
        statement = select(resource.c.rid, resource.c.id).where(own, resource.c.rid > after)
        with store.database.read() as connection:
            rows = list(connection.execute(statement.order_by(resource.c.rid).limit(_SOME)))
        yield [f"Patient/{row.id}" for row in rows]
        if len(rows) < _SOME:
            return
        after = rows[-1].rid


def _organisations(connection: Connection, who: Visibility) -> list[str]:
    """Those that own patients which `who` may see; one look into the index for each."""
    found: list[str] = []
    seen = and_(resource.c.type == "Patient", visible(who, resource))
    statement = select(func.min(resource.c.organisation)).where(seen)
    one = connection.execute(statement).scalar_one()
    while one is not None:
        if one:
            found.append(one)
        one = connection.execute(statement.where(resource.c.organisation > one)).scalar_one()
    return found


@functools.lru_cache(8)
def catalogue(database: Database) -> Catalogue:
    """The one catalogue of a database in this process."""
    return Catalogue(database)
