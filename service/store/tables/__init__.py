"""The tables of the record: resources with all their versions, what they can be found by, documents, audit, outbox.

Times are whole microseconds since 1970 in UTC. `rid` is the number of a resource inside this database and never leaves
it. A table that changes here needs a new revision in `migrations/versions/`.
"""

from service.store.tables.base import NUMBER, TEXT, metadata
from service.store.tables.exchange import answer, answer_document, circuit, disclosure, outbox
from service.store.tables.export import export_file, export_job, export_member, export_part
from service.store.tables.index import INDEXES, date, quantity, reference, string, token
from service.store.tables.record import (
    document,
    document_resource,
    document_version,
    guard,
    resource,
    snapshot_mark,
    version,
)
from service.store.tables.use import audit, audit_entity, audit_head

__all__ = [
    "INDEXES",
    "NUMBER",
    "TEXT",
    "answer",
    "answer_document",
    "audit",
    "audit_entity",
    "audit_head",
    "circuit",
    "date",
    "disclosure",
    "document",
    "document_resource",
    "document_version",
    "export_file",
    "export_job",
    "export_member",
    "export_part",
    "guard",
    "metadata",
    "outbox",
    "quantity",
    "reference",
    "resource",
    "snapshot_mark",
    "string",
    "token",
    "version",
]
