"""What record systems send back, and which documents it is about."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "answer",
        sa.Column("aid", NUMBER, nullable=False, autoincrement=True),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("sender", TEXT, nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("about", TEXT, nullable=False),
        sa.Column("resource", TEXT, nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("aid", name="pk_answer"),
        sa.UniqueConstraint("id", name="uq_answer_id"),
    )
    op.create_index("ix_answer_resource", "answer", ["resource"])
    op.create_table(
        "answer_document",
        sa.Column("did", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("aid", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["did"], ["document.did"], name="fk_answer_document_did"),
        sa.ForeignKeyConstraint(["aid"], ["answer.aid"], name="fk_answer_document_aid"),
        sa.PrimaryKeyConstraint("did", "aid", name="pk_answer_document"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_answer_document_received_did", "answer_document", ["received", "did"])
    op.create_index("ix_document_updated_did", "document", ["updated", "did"])
