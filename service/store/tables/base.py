"""What all tables have in common: how things are named, numbers of rows, texts."""

from sqlalchemy import BigInteger, Integer, MetaData, Text

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
