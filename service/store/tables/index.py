"""What resources are found by: a table for each kind of search parameter."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, SmallInteger, Table

from service.store.tables.base import TEXT, metadata

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
