"""The store of this installation, for as long as a command needs it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from service.config import Settings

if TYPE_CHECKING:
    from service.fhir.definitions import Definitions
    from service.store import Store


@contextmanager
def stored(chosen: Settings, known: "Definitions | None" = None) -> Iterator["Store"]:
    """The store that the settings name, closed in the end; `StoreError` where it cannot be opened.

    `known` are the definitions it searches by, R4 alone by default. Commands pass over the record once, so little of it
    is kept in memory.
    """
    from service.export.sparing import sparing
    from service.fhir.definitions import core
    from service.store import open_store

    with closing(open_store(chosen.database, chosen.data, known or core())) as store, closing(sparing(store)) as one:
        yield one
