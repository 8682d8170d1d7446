"""The record of one archived resource: whose it is, original or copy, how long it is kept, who may have it.

One line of `data/records/` for each line of `data/resources/`. 703/2023 69 §: a copy says that it is a copy.
"""

import hashlib
from datetime import date
from typing import Any

import msgspec

from service.export.retention import Facts, Rules, end
from service.export.snapshot import Row
from service.export.surroundings import Surroundings
from service.store.values import instant

_COPY_OF = "https://yhdessa.example/fhir/StructureDefinition/copy-of"
_COPY = b'"' + _COPY_OF.encode() + b'"'


def record(row: Row, rules: Rules, facts: Facts, around: Surroundings) -> dict[str, Any]:
    """What is said about a resource that is archived; days as FHIR writes them."""
    assert row.body is not None
    every = around.about(row.type, row.id, row.body)
    class_ = rules.of(row.type)
    own = msgspec.json.decode(row.body) if class_.start in ("recorded", "end") or _COPY in row.body else {}
    over = end(class_, every, facts, around.died, own)
    retention = {
        "class": class_.key,
        "source": class_.source,
        "years": class_.years,
        "from": class_.start or None,
        "start": _shown(over.start),
        "end": _shown(over.day),
        "unknown": over.why or None,
    }
    made = {
        "reference": f"{row.type}/{row.id}",
        "version": row.version,
        "updated": instant(row.updated),
        "sha256": hashlib.sha256(row.body).hexdigest(),
        "controller": row.organisation,
        "register": around.register(row.organisation),
        "original": _COPY not in row.body,
        "copyOf": _copied(own) if _COPY in row.body else None,
        "patients": every,
        "retention": {name: value for name, value in retention.items() if value is not None},
        "permissions": around.permissions(every),
    }
    return {name: value for name, value in made.items() if value is not None}


def _copied(resource: dict[str, Any]) -> dict[str, Any]:
    """Of what it is a copy: the parts of the extension, by name."""
    for extension in resource.get("extension", ()):
        if extension.get("url") == _COPY_OF:
            parts = extension.get("extension", ())
            return {str(one.get("url")): _value(one) for one in parts}
    return {}


def _value(part: dict[str, Any]) -> Any:
    return next((value for name, value in part.items() if name.startswith("value")), None)


def _shown(one: date | None) -> str | None:
    return one.isoformat() if one else None
