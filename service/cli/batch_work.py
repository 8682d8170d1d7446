"""What a worker of a batch does with a part: the converter and the store of its own process, opened when first needed.

The key that makes the ids does not travel: a worker on another machine has its own settings, which must be the same.
"""

import hashlib
import hmac
import importlib.metadata
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service import assets, config
from service.cli.engine import converter, settings
from service.export.batch import complete
from service.export.executors import Done
from service.export.partition import Answer, Convert
from service.export.plan import Partition
from service.export.targets import open_target
from service.fhir.json import canonical, encode, parse
from service.issues import has_errors, issue

if TYPE_CHECKING:
    from service.pipeline import Converter

_lock = threading.Lock()
# Made before the workers are forked, which then share it.
_made: dict[Any, tuple["Converter", str]] = {}


@dataclass(frozen=True, slots=True)
class Work:
    """Runs a part into the folder `out`. `setup` is the `Engine.setup` of the command that began the run; `flags` are
    settings that were given as flags of it."""

    out: str
    setup: str
    flags: tuple[tuple[str, Any], ...]
    variant: str | None
    load: bool

    def __call__(self, part: Partition) -> Done:
        ready = engine(self.flags, self.variant)
        if ready[1] != self.setup:
            return Done(part.number, failure=issue("batch.other-setup"))
        chosen = settings(**dict(self.flags))
        convert = _loading(ready[0], chosen, self.variant) if self.load else _converting(ready[0], chosen, self.variant)
        return complete(part, open_target(self.out), convert, chosen.language)


def engine(flags: tuple[tuple[str, Any], ...], variant: str | None) -> "tuple[Converter, str]":
    """The converter of this process, and what tells it from another one: program, mappings, packages, key, style."""
    key = (flags, variant)
    with _lock:
        if key not in _made:
            chosen = settings(**dict(flags))
            made = converter(chosen)
            _made[key] = made, _setup(made, chosen, variant)
        return _made[key]


def warm(made: "Converter") -> None:
    """Convert an example: what is made when a document first needs it is made once, and not by every forked worker."""
    for file in sorted((assets.schemas() / "source" / "examples").glob("*-case-*.json"))[:1]:
        made.convert_text(file.read_bytes())


def _setup(made: "Converter", chosen: config.Settings, variant: str | None) -> str:
    folder = chosen.package_folder
    files = sorted(folder.glob("*.tgz")) if folder.is_dir() else []
    told = {
        "program": importlib.metadata.version("yhdessa-fhir"),
        "mappings": {name: one.hash for name, one in sorted(made.catalogue.variants.items())},
        "packages": [hashlib.sha256(one.read_bytes()).hexdigest() for one in files],
        # Whether two keys are the same can be seen, the key cannot.
        "key": hmac.digest(made.key, b"yhdessa batch", "sha256").hex(),
        "style": chosen.activity_style,
        "language": chosen.language,
        "variant": variant,
    }
    return hashlib.sha256(canonical(told)).hexdigest()


def _converting(made: "Converter", chosen: config.Settings, variant: str | None) -> Convert:
    def convert(text: bytes) -> Answer:
        done = made.convert_text(text, variant=variant, activity_style=chosen.activity_style)
        if done.bundle is None or has_errors(done.issues):
            return Answer(False, None, done.issues)
        return Answer(True, encode(done.bundle), done.issues)

    return convert


def _loading(made: "Converter", chosen: config.Settings, variant: str | None) -> Convert:
    """Into the store, as `POST /documents` does it: what is kept already is kept."""
    from service.accept import accept
    from service.cli.uselog import CLIENT, event
    from service.store import Author

    store = _store(chosen.database, chosen.data)
    row = event("C", "documents", description="yhdessa batch --load")
    options: dict[str, Any] = {"variant": variant, "activity_style": chosen.activity_style}

    def convert(text: bytes) -> Answer:
        done = accept(made, store, text, now=store.clock(), author=Author(CLIENT, ""), event=row, **options)
        if done.status in ("created", "updated", "unchanged") or _was_here(store, done, text):
            # Without warnings: they depend on what else is there by now, and the report must not.
            return Answer(True, None, [])
        return Answer(False, None, list(done.issues))

    return convert


def _was_here(store: Any, done: Any, text: bytes) -> bool:
    """Whether an older version is here just as it is: from the same part, before the run was killed."""
    if done.status != "older":
        return False
    from sqlalchemy import select

    from service.store import documents
    from service.store.tables import document_version

    value = parse(text)
    source = value["source"]
    with store.database.read() as connection:
        kept = documents.find(connection, documents.Identity(source["organisation"], source["system"], value["id"]))
        if kept is None:
            return False
        wanted = (document_version.c.did == kept.did, document_version.c.version == value["version"])
        there = connection.execute(select(document_version.c.digest).where(*wanted)).scalar_one_or_none()
    return there is not None and bytes(there) == hashlib.sha256(canonical(value)).digest()


# By process: a forked worker must not use the connections of the process it came from.
_stores: dict[int, Any] = {}


def _store(url: str | None, data: Any) -> Any:
    """The store of this process."""
    from service.fhir.definitions import core
    from service.store import open_store

    with _lock:
        if os.getpid() not in _stores:
            _stores[os.getpid()] = open_store(url, data, core())
        return _stores[os.getpid()]


def close() -> None:
    """Close what this process has opened."""
    if (store := _stores.pop(os.getpid(), None)) is not None:
        store.close()
