"""What the tests of bulk export share: a clock that is moved, small resources, files as lists."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from service.clock import HELSINKI
from service.export.run import Limits
from service.export.runner import Runner
from service.fhir.json import parse
from service.store import EVERYTHING, Author, Store

Json = dict[str, Any]
OURS = Author("tests", "2.999.10.10.1")
THEIRS = Author("others", "2.999.10.10.2")
BASE = "http://localhost/fhir/"


class Clock:
    """A clock in Helsinki that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 28, 12, 0, tzinfo=HELSINKI)

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        # In UTC, where every hour is there.
        self.at = (self.at.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(HELSINKI)


def patient(id_: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": id_, **more}


def goal(id_: str, subject: str, **more: Any) -> Json:
    return {
        "resourceType": "Goal",
        "id": id_,
        "lifecycleStatus": "active",
        "description": {"text": "a calm evening"},
        "subject": {"reference": subject},
        **more,
    }


def provenance(id_: str, *targets: str) -> Json:
    return {"resourceType": "Provenance", "id": id_, "target": [{"reference": one} for one in targets]}


def put(store: Store, *resources: Json, author: Author = OURS) -> None:
    for one in resources:
        store.update(one["resourceType"], one["id"], one, author, EVERYTHING)


def delete(store: Store, *references: str) -> None:
    for one in references:
        store.delete(*one.split("/"), OURS, EVERYTHING)  # type: ignore[call-arg]


def runner(store: Store, folder: Path, size: int = 100_000_000) -> Runner:
    return Runner(store, folder, Limits(size, 24, 2))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below, by its path in there."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


def references(files: Mapping[str, bytes] | Iterable[bytes]) -> list[str]:
    """The resources in files, as relative references with their versions."""
    texts = files.values() if isinstance(files, Mapping) else files
    rows = [parse(line) for text in texts for line in text.splitlines()]
    return sorted(f"{one['resourceType']}/{one['id']}/{one['meta']['versionId']}" for one in rows)
