"""Everything: resources and versions, the search index, documents, audit, outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# The audit trail can only grow, whoever has the connection.
_FUNCTION = """
CREATE FUNCTION yhdessa_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$
"""


def upgrade() -> None:
    _documents()
    _resources()
    _indexes()
    _outbox()
    _audit()
    _append_only()


def _documents() -> None:
    op.create_table(
        "document",
        sa.Column("did", NUMBER, nullable=False),
        sa.Column("organisation", TEXT, nullable=False),
        sa.Column("system", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("did", name="pk_document"),
        sa.UniqueConstraint("organisation", "system", "id", name="uq_document_organisation_system_id"),
    )
    op.create_table(
        "document_version",
        sa.Column("did", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("version", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("did", "version", name="pk_document_version"),
        sa.ForeignKeyConstraint(["did"], ["document.did"], name="fk_document_version_did"),
    )


def _resources() -> None:
    op.create_table(
        "resource",
        sa.Column("rid", NUMBER, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("rid", name="pk_resource"),
        sa.UniqueConstraint("id", "type", name="uq_resource_id_type"),
    )
    op.create_index("ix_resource_type_organisation_rid", "resource", ["type", "organisation", "rid"])
    op.create_index("ix_resource_type_rid", "resource", ["type", "rid"])
    op.create_index("ix_resource_type_updated_rid", "resource", ["type", "updated", "rid"])
    op.create_table(
        "version",
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("rid", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("organisation", TEXT, nullable=False),
        sa.Column("did", sa.BigInteger(), nullable=True),
        sa.Column("document_version", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_version"),
        sa.ForeignKeyConstraint(["did"], ["document.did"], name="fk_version_did"),
        sa.ForeignKeyConstraint(["rid"], ["resource.rid"], name="fk_version_rid"),
        sa.UniqueConstraint("rid", "version", name="uq_version_rid_version"),
    )
    op.create_index("ix_version_type_seq", "version", ["type", "seq"])
    op.create_table(
        "guard",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_guard"),
    )
    op.create_table(
        "disclosure",
        sa.Column("organisation", TEXT, nullable=False),
        sa.Column("rid", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("upto", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "rid", name="pk_disclosure"),
        sa.ForeignKeyConstraint(["rid"], ["resource.rid"], name="fk_disclosure_rid"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_disclosure_rid", "disclosure", ["rid"])
    op.create_table(
        "document_resource",
        sa.Column("did", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("rid", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("did", "rid", name="pk_document_resource"),
        sa.ForeignKeyConstraint(["did"], ["document.did"], name="fk_document_resource_did"),
        sa.ForeignKeyConstraint(["rid"], ["resource.rid"], name="fk_document_resource_rid"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_document_resource_rid", "document_resource", ["rid"])


def _indexes() -> None:
    op.create_table(
        "ix_token",
        sa.Column("rid", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("param", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("system", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("part", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("rid", "param", "code", "system", "part", name="pk_ix_token"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ix_token_param_code_rid_system_part", "ix_token", ["param", "code", "rid", "system", "part"])
    op.create_table(
        "ix_reference",
        sa.Column("rid", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("param", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("rid", "param", "target", "part", name="pk_ix_reference"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ix_reference_param_target_rid_part", "ix_reference", ["param", "target", "rid", "part"])
    op.create_table(
        "ix_string",
        sa.Column("rid", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("param", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("norm", TEXT, nullable=False),
        sa.Column("exact", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("part", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("rid", "param", "norm", "exact", "part", name="pk_ix_string"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ix_string_param_norm_rid_exact_part", "ix_string", ["param", "norm", "rid", "exact", "part"])
    op.create_table(
        "ix_date",
        sa.Column("rid", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("param", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("low", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("high", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("part", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("rid", "param", "low", "high", "part", name="pk_ix_date"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ix_date_param_high_low_rid_part", "ix_date", ["param", "high", "low", "rid", "part"])
    op.create_index("ix_ix_date_param_low_high_rid_part", "ix_date", ["param", "low", "high", "rid", "part"])
    op.create_table(
        "ix_quantity",
        sa.Column("rid", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("param", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("system", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("rid", "param", "low", "high", "system", "code", "part", name="pk_ix_quantity"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ix_quantity_param_high_rid", "ix_quantity", ["param", "high", "rid"])
    op.create_index("ix_ix_quantity_param_low_rid", "ix_quantity", ["param", "low", "rid"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("receiver", TEXT, nullable=False),
        sa.Column("family", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint(
            "receiver", "reference", "version", "payload", name="uq_outbox_receiver_reference_version_payload"
        ),
    )
    op.create_index("ix_outbox_reference", "outbox", ["reference"])
    op.create_index("ix_outbox_state_not_before_id", "outbox", ["state", "not_before", "id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("organisation", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
        sa.UniqueConstraint("id", name="uq_audit_id"),
    )
    op.create_index("ix_audit_organisation_seq", "audit", ["organisation", "seq"])
    op.create_index("ix_audit_recorded_seq", "audit", ["recorded", "seq"])
    op.create_table(
        "audit_entity",
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("reference", "seq", name="pk_audit_entity"),
        sa.ForeignKeyConstraint(["seq"], ["audit.seq"], name="fk_audit_entity_seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    columns = (sa.column("id", sa.Integer), sa.column("seq", sa.BigInteger), sa.column("hash", sa.LargeBinary))
    op.bulk_insert(sa.table("audit_head", *columns), [{"id": 1, "seq": 0, "hash": b""}])


def _append_only() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in ("audit", "audit_entity"):
            for event in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
                )
        return
    op.execute(_FUNCTION)
    for table in ("audit", "audit_entity"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION yhdessa_append_only()"
        )
