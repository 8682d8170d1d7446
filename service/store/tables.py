"""The tables of the record: resources with all their versions, what they can be found by, documents, audit, outbox.

Times are whole microseconds since 1970 in UTC. `rid` is the number of a resource inside this database and never leaves
it. A table that changes here needs a new revision in `migrations/versions/`.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only where the type is spelt INTEGER.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
# Byte order, so that a prefix is a range of the index whatever the language of the database.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")

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

# A row stands here only while its transaction runs: who inserts it makes everybody with the same key wait.
guard = Table("guard", metadata, Column("key", LargeBinary, primary_key=True))

# No foreign keys from the index to its resource: they would double the cost of the busiest inserts, and rows are
# written and removed only together with the resource.
token = Table(
    "ix_token",
    metadata,
    Column("rid", BigInteger, primary_key=True, autoincrement=False),
    Column("param", Integer, primary_key=True, autoincrement=False),
    Column("code", TEXT, primary_key=True),
    Column("system", BigInteger, primary_key=True, autoincrement=False),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Index(None, "param", "code", "rid", "system", "part"),
    sqlite_with_rowid=False,
)

reference = Table(
    "ix_reference",
    metadata,
    Column("rid", BigInteger, primary_key=True, autoincrement=False),
    Column("param", Integer, primary_key=True, autoincrement=False),
    Column("target", TEXT, primary_key=True),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Index(None, "param", "target", "rid", "part"),
    sqlite_with_rowid=False,
)

string = Table(
    "ix_string",
    metadata,
    Column("rid", BigInteger, primary_key=True, autoincrement=False),
    Column("param", Integer, primary_key=True, autoincrement=False),
    Column("norm", TEXT, primary_key=True),
    Column("exact", BigInteger, primary_key=True, autoincrement=False),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Index(None, "param", "norm", "rid", "exact", "part"),
    sqlite_with_rowid=False,
)

date = Table(
    "ix_date",
    metadata,
    Column("rid", BigInteger, primary_key=True, autoincrement=False),
    Column("param", Integer, primary_key=True, autoincrement=False),
    Column("low", BigInteger, primary_key=True, autoincrement=False),
    Column("high", BigInteger, primary_key=True, autoincrement=False),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Index(None, "param", "low", "high", "rid", "part"),
    Index(None, "param", "high", "low", "rid", "part"),
    sqlite_with_rowid=False,
)

quantity = Table(
    "ix_quantity",
    metadata,
    Column("rid", BigInteger, primary_key=True, autoincrement=False),
    Column("param", Integer, primary_key=True, autoincrement=False),
    Column("low", Double, primary_key=True),
    Column("high", Double, primary_key=True),
    Column("system", BigInteger, primary_key=True, autoincrement=False),
    Column("code", TEXT, primary_key=True),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Index(None, "param", "low", "rid"),
    Index(None, "param", "high", "rid"),
    sqlite_with_rowid=False,
)

INDEXES: dict[str, Table] = {
    "token": token,
    "reference": reference,
    "string": string,
    "date": date,
    "quantity": quantity,
}

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

# One row: the moment of the last cut, see cuts.py.
snapshot_mark = Table(
    "snapshot_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
)

export_job = Table(
    "export_job",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("client", TEXT, nullable=False),
    Column("organisation", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    # What is wanted, as JSON, see export/wanted.py.
    Column("wanted", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("polled", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", BigInteger, nullable=True),
    Column("lease_owner", TEXT, nullable=True),
    Column("expires", BigInteger, nullable=True),
    Column("reason", TEXT, nullable=True),
    Index(None, "state", "created"),
    sqlite_with_rowid=False,
)

export_part = Table(
    "export_part",
    metadata,
    Column("job", TEXT, ForeignKey("export_job.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", TEXT, nullable=False),
    Column("type", TEXT, nullable=False),
    # Everything up to this resource stands in files that are finished.
    Column("upto", BigInteger, nullable=False),
    Column("finished", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

export_file = Table(
    "export_file",
    metadata,
    Column("job", TEXT, ForeignKey("export_job.id"), primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("part", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("continues", TEXT, nullable=True),
    sqlite_with_rowid=False,
)

# The patients that an export is limited to, as relative references.
export_member = Table(
    "export_member",
    metadata,
    Column("job", TEXT, ForeignKey("export_job.id"), primary_key=True),
    Column("target", TEXT, primary_key=True),
    sqlite_with_rowid=False,
)
