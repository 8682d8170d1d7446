"""Bulk exports: the jobs, how far they are, and their files."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Table

from service.store.tables.base import TEXT, metadata

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
