"""The clients that may ask for tokens, and the assertions they have used: each may be used once.

https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, Table, delete, select, update

from service.store.tables import TEXT, metadata
from service.store.upsert import inserting

Role = Literal["source", "recipient", "archive", "admin"]
ROLES: tuple[Role, ...] = ("source", "recipient", "archive", "admin")

client = Table(
    "client",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("organisation", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("scopes", TEXT, nullable=False),
    # A JWK Set as JSON, or the address it is fetched from.
    Column("jwks", TEXT, nullable=True),
    Column("jwks_url", TEXT, nullable=True),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("revoked", BigInteger, nullable=True),
    sqlite_with_rowid=False,
)

assertion = Table(
    "assertion",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client. `organisation` is an OID, `scopes` the most it may ask for, separated by spaces.

    Exactly one of `jwks` (JSON) and `jwks_url` is set; times are microseconds.
    """

    id: str
    organisation: str
    role: Role
    scopes: str
    jwks: str | None
    jwks_url: str | None
    created: int = 0
    changed: int = 0
    revoked: int | None = None


def add(connection: Connection, one: Client, now: int) -> bool:
    """Register a client; False where its id is taken, also by a revoked one."""
    make = inserting(connection)
    values = {
        "id": one.id,
        "organisation": one.organisation,
        "role": one.role,
        "scopes": one.scopes,
        "jwks": one.jwks,
        "jwks_url": one.jwks_url,
        "created": now,
        "changed": now,
    }
    statement = make(client).values(**values).on_conflict_do_nothing().returning(client.c.id)
    return connection.execute(statement).scalar_one_or_none() is not None


def rotate(connection: Connection, id_: str, jwks: str | None, jwks_url: str | None, now: int) -> bool:
    """Give a client other keys; False where there is no such client or it is revoked."""
    where = (client.c.id == id_, client.c.revoked.is_(None))
    values = {"jwks": jwks, "jwks_url": jwks_url, "changed": now}
    return connection.execute(update(client).where(*where).values(**values)).rowcount == 1


def revoke(connection: Connection, id_: str, now: int) -> bool:
    """A revoked client gets no more tokens, and those it has are good for nothing; False where there is none to revoke.

    Its row stays, so that nobody else can be taken for it in the trail.
    """
    where = (client.c.id == id_, client.c.revoked.is_(None))
    return connection.execute(update(client).where(*where).values(revoked=now, changed=now)).rowcount == 1


def find(connection: Connection, id_: str) -> Client | None:
    """The client, revoked or not."""
    row = connection.execute(select(client).where(client.c.id == id_)).one_or_none()
    return None if row is None else _client(row)


def everyone(connection: Connection) -> list[Client]:
    return [_client(row) for row in connection.execute(select(client).order_by(client.c.id))]


def any_at_all(connection: Connection) -> bool:
    """Whether a client was ever registered; from then on nobody is let in without a token."""
    return connection.execute(select(client.c.id).limit(1)).first() is not None


def use_once(connection: Connection, id_: str, jti: str, expires: int, now: int) -> bool:
    """Note that a client's assertion was used; False where it was used before. What has expired is forgotten."""
    connection.execute(delete(assertion).where(assertion.c.expires < now))
    key = hashlib.sha256(f"{id_}\n{jti}".encode("utf-8", "replace")).digest()
    make = inserting(connection)
    statement = make(assertion).values(key=key, expires=expires).on_conflict_do_nothing().returning(assertion.c.key)
    return connection.execute(statement).scalar_one_or_none() is not None


def _client(row: Any) -> Client:
    return Client(
        row.id, row.organisation, row.role, row.scopes, row.jwks, row.jwks_url, row.created, row.changed, row.revoked
    )
