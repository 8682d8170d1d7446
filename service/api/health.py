"""`/health`: the process lives. `/ready`: it can do its work, and if not, why."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from service.api.answers import answer
from service.api.engine import Engine, engine

blueprint = Blueprint("health", __name__)

# Each says what it found, and whether that is good enough to take work.
CHECKS: dict[str, Callable[[Engine], tuple[bool, str]]] = {
    "mappings": lambda found: (bool(found.variants), f"{len(found.variants)} variants"),
    "definitions": lambda found: (found.types > 0, f"{found.types} types"),
}


@blueprint.get("/health")
def health() -> Response:
    return answer({"status": "ok"})


@blueprint.get("/ready")
def ready() -> Response:
    found = {name: check(engine()) for name, check in CHECKS.items()}
    well = all(good for good, _ in found.values())
    checks: dict[str, Any] = {name: {"ready": good, "found": said} for name, (good, said) in found.items()}
    return answer({"status": "ready" if well else "not ready", "checks": checks}, 200 if well else 503)
