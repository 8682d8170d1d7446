"""The record: every resource with all its versions, what it can be found by, source documents, outbox, audit."""

from service.store.errors import StoreError
from service.store.records import Author, Origin, Stored, Written
from service.store.store import Store, open_store
from service.store.visibility import EVERYTHING, NOTHING, Visibility, recipient, source

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "Author",
    "Origin",
    "Store",
    "StoreError",
    "Stored",
    "Visibility",
    "Written",
    "open_store",
    "recipient",
    "source",
]
