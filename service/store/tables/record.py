"""Resources with all their versions, and the documents that they come from."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from service.store.tables.base import NUMBER, TEXT, metadata

resource = Table(
    "resource",
    metadata,
    Column("rid", NUMBER, primary_key=True, autoincrement=True),
    Column("type", TEXT, nullable=False),
    Column("id", TEXT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("deleted", SmallInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("organisation", TEXT, nullable=False),
    UniqueConstraint("id", "type"),
    Index(None, "type", "rid"),
    Index(None, "type", "updated", "rid"),
    Index(None, "type", "organisation", "rid"),
)

version = Table(
    "version",
    metadata,
    Column("seq", NUMBER, primary_key=True, autoincrement=True),
    Column("rid", BigInteger, ForeignKey("resource.rid"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("method", TEXT, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=True),
    Column("client", TEXT, nullable=False),
    Column("organisation", TEXT, nullable=False),
    Column("did", BigInteger, ForeignKey("document.did"), nullable=True),
    Column("document_version", BigInteger, nullable=True),
    UniqueConstraint("rid", "version"),
    Index(None, "type", "seq"),
)

document = Table(
    "document",
    metadata,
    Column("did", NUMBER, primary_key=True, autoincrement=True),
    Column("organisation", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("organisation", "system", "id"),
    Index(None, "updated", "did"),
)

document_version = Table(
    "document_version",
    metadata,
    Column("did", BigInteger, ForeignKey("document.did"), primary_key=True, autoincrement=False),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("client", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

document_resource = Table(
    "document_resource",
    metadata,
    Column("did", BigInteger, ForeignKey("document.did"), primary_key=True, autoincrement=False),
    Column("rid", BigInteger, ForeignKey("resource.rid"), primary_key=True, autoincrement=False),
    Index(None, "rid"),
    sqlite_with_rowid=False,
)

# A row stands here only while its transaction runs: who inserts it makes everybody with the same key wait.
guard = Table("guard", metadata, Column("key", LargeBinary, primary_key=True))

# One row: the moment of the last cut, see cuts.py.
snapshot_mark = Table(
    "snapshot_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
)
