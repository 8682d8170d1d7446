"""What two search parameters find alike stands in the index once: the rows of the second of each two go."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# By the index that the rows stand in: the parameter whose rows stay, and the one that looks there as well.
_ALIKE = {
    "ix_string": (
        ("Observation", "amino-acid-change", "gene-amino-acid-change"),
        ("Observation", "dna-variant", "gene-dnavariant"),
        ("Patient", "name", "phonetic"),
        ("Person", "name", "phonetic"),
        ("Practitioner", "name", "phonetic"),
        ("RelatedPerson", "name", "phonetic"),
    ),
    "ix_reference": (
        ("Coverage", "beneficiary", "patient"),
        ("DeviceUseStatement", "patient", "subject"),
        ("EnrollmentRequest", "patient", "subject"),
        ("Linkage", "item", "source"),
        ("ResearchSubject", "individual", "patient"),
    ),
    "ix_token": (
        ("CapabilityStatement", "fhirversion", "version"),
        ("CodeSystem", "system", "url"),
        # The identifiers of references.
        ("Coverage", "beneficiary:identifier", "patient:identifier"),
        ("DeviceUseStatement", "patient:identifier", "subject:identifier"),
        ("EnrollmentRequest", "patient:identifier", "subject:identifier"),
        ("Linkage", "item:identifier", "source:identifier"),
        ("ResearchSubject", "individual:identifier", "patient:identifier"),
    ),
}


def upgrade() -> None:
    for name, rows in _ALIKE.items():
        table = sa.table(name, sa.column("param", sa.Integer()))
        gone = [_number(f"{type_name}.{second}") for type_name, _, second in rows]
        op.execute(sa.delete(table).where(table.c.param.in_(gone)))


def _number(name: str) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) & 0x7FFFFFFF
