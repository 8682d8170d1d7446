"""Deliveries: what was confirmed, what is in doubt, in which order; how each receiver does."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.drop_index("ix_outbox_state_not_before_id", "outbox")
    with op.batch_alter_table("outbox") as table:
        table.add_column(sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("terms", sa.LargeBinary(), nullable=True))
        table.add_column(sa.Column("doubt", sa.SmallInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("as_of", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("status", TEXT, nullable=True))
        table.add_column(sa.Column("delivered", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("confirmed", TEXT, nullable=True))
        table.add_column(sa.Column("digest", sa.LargeBinary(), nullable=True))
        table.add_column(sa.Column("contents", sa.LargeBinary(), nullable=True))
        table.drop_constraint("uq_outbox_receiver_reference_version_payload", type_="unique")
        table.create_unique_constraint(
            "uq_outbox_receiver_reference_version_payload_turn",
            ["receiver", "reference", "version", "payload", "turn"],
        )
    op.create_index("ix_outbox_family", "outbox", ["family"])
    for name, column, state in (
        ("ready", "not_before", "waiting"),
        ("order", "family", "waiting"),
        ("parked", None, "parked"),
    ):
        only = sa.text(f"state = '{state}'")
        columns = ["receiver", *([column] if column else []), "id"]
        op.create_index(f"ix_outbox_{name}", "outbox", columns, sqlite_where=only, postgresql_where=only)
    op.create_table(
        "circuit",
        sa.Column("receiver", TEXT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.BigInteger(), nullable=True),
        sa.Column("status", TEXT, nullable=True),
        sa.Column("failed", sa.BigInteger(), nullable=True),
        sa.Column("succeeded", sa.BigInteger(), nullable=True),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("receiver", name="pk_circuit"),
        sqlite_with_rowid=False,
    )
