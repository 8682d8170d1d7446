"""The use log, as a chain."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table

from service.store.tables.base import TEXT, metadata

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", TEXT, nullable=False, unique=True),
    Column("recorded", BigInteger, nullable=False),
    Column("client", TEXT, nullable=False),
    Column("organisation", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("outcome", TEXT, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index(None, "recorded", "seq"),
    Index(None, "organisation", "seq"),
)

audit_entity = Table(
    "audit_entity",
    metadata,
    Column("reference", TEXT, primary_key=True),
    Column("seq", BigInteger, ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
