"""Clients and the assertions they have used."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "client",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("organisation", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("jwks", TEXT, nullable=True),
        sa.Column("jwks_url", TEXT, nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_client"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "assertion",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_assertion"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_assertion_expires", "assertion", ["expires"])
