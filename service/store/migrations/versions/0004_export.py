"""The last cut, and exports: jobs, their parts, files and patients."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "snapshot_mark",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshot_mark"),
    )
    columns = (sa.column("id", sa.Integer), sa.column("at", sa.BigInteger))
    op.bulk_insert(sa.table("snapshot_mark", *columns), [{"id": 1, "at": 0}])
    _jobs()
    op.create_table(
        "export_part",
        sa.Column("job", TEXT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", "number", name="pk_export_part"),
        sa.ForeignKeyConstraint(["job"], ["export_job.id"], name="fk_export_part_job"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "export_file",
        sa.Column("job", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("continues", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("job", "name", name="pk_export_file"),
        sa.ForeignKeyConstraint(["job"], ["export_job.id"], name="fk_export_file_job"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "export_member",
        sa.Column("job", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("job", "target", name="pk_export_member"),
        sa.ForeignKeyConstraint(["job"], ["export_job.id"], name="fk_export_member_job"),
        sqlite_with_rowid=False,
    )


def _jobs() -> None:
    op.create_table(
        "export_job",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("organisation", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("wanted", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("polled", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", TEXT, nullable=True),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_export_job"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_export_job_state_created", "export_job", ["state", "created"])
