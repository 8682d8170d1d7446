"""What goes out and comes in: deliveries, disclosures, answers."""

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

disclosure = Table(
    "disclosure",
    metadata,
    Column("organisation", TEXT, primary_key=True),
    Column("rid", BigInteger, ForeignKey("resource.rid"), primary_key=True, autoincrement=False),
    # The newest version that was given out; what came after it was not.
    Column("upto", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    # What was given out where that was less than the resource: all that the organisation may ever see of it.
    Column("copy", LargeBinary, nullable=True),
    Index(None, "rid"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("receiver", TEXT, nullable=False),
    Column("family", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("payload", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", BigInteger, nullable=True),
    Column("lease_owner", TEXT, nullable=True),
    Column("reason", TEXT, nullable=True),
    # Which round it is: a plan can be given, withdrawn and given again in one version.
    Column("turn", Integer, nullable=False),
    # What was permitted when the row was written, as a hash.
    Column("terms", LargeBinary, nullable=True),
    # Whether the receiver may have it without our knowing: it was sent and no answer is known.
    Column("doubt", SmallInteger, nullable=False),
    # The moment of the record that a row in doubt was made from, and is made from again.
    Column("as_of", BigInteger, nullable=True),
    Column("status", TEXT, nullable=True),
    Column("delivered", BigInteger, nullable=True),
    Column("confirmed", TEXT, nullable=True),
    Column("digest", LargeBinary, nullable=True),
    # What the receiver was given, as JSON: pairs of a reference and its version.
    Column("contents", LargeBinary, nullable=True),
    UniqueConstraint("receiver", "reference", "version", "payload", "turn"),
    Index(None, "reference"),
    Index(None, "family"),
)
# Only rows that are open stand in these, so they stay small however much has been delivered. On PostgreSQL too, see
# the migration: to say so here would load its dialect at every start.
Index(
    "ix_outbox_ready",
    outbox.c.receiver,
    outbox.c.not_before,
    outbox.c.id,
    sqlite_where=outbox.c.state == "waiting",
)
Index(
    "ix_outbox_order",
    outbox.c.receiver,
    outbox.c.family,
    outbox.c.id,
    sqlite_where=outbox.c.state == "waiting",
)
Index(
    "ix_outbox_parked",
    outbox.c.receiver,
    outbox.c.id,
    sqlite_where=outbox.c.state == "parked",
)

# How each receiver does: an open circuit keeps everybody from trying it before `open_until`.
circuit = Table(
    "circuit",
    metadata,
    Column("receiver", TEXT, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("open_until", BigInteger, nullable=True),
    Column("status", TEXT, nullable=True),
    Column("failed", BigInteger, nullable=True),
    Column("succeeded", BigInteger, nullable=True),
    Column("delivered", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What record systems send back: `resource` is what it is kept as, `about` the resource that it speaks of.
answer = Table(
    "answer",
    metadata,
    Column("aid", NUMBER, primary_key=True, autoincrement=True),
    Column("id", TEXT, nullable=False, unique=True),
    Column("sender", TEXT, nullable=False),
    Column("client", TEXT, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("about", TEXT, nullable=False),
    Column("resource", TEXT, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Index(None, "resource"),
)

answer_document = Table(
    "answer_document",
    metadata,
    Column("did", BigInteger, ForeignKey("document.did"), primary_key=True, autoincrement=False),
    Column("aid", BigInteger, ForeignKey("answer.aid"), primary_key=True, autoincrement=False),
    # The document's version when the answer came; `changes` are against that one.
    Column("version", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("changes", LargeBinary, nullable=False),
    Index(None, "received", "did"),
    sqlite_with_rowid=False,
)
