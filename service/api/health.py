"""`/health`: the process lives. `/ready`: it can do its work, and if not, why."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from service.api.answers import answer
from service.api.context import store
from service.api.engine import Engine, engine
from service.store.schema import check_schema, head

blueprint = Blueprint("health", __name__)


def _mappings(found: Engine) -> tuple[bool, str]:
    names = sorted(found.converter.catalogue.variants)
    return bool(names), ", ".join(names)


def _definitions(found: Engine) -> tuple[bool, str]:
    count = len(found.converter.definitions.types())
    return count > 0, f"{count} types"


def _database(_: Engine) -> tuple[bool, str]:
    try:
        problems = check_schema(store().database)
    except SQLAlchemyError as error:
        return False, type(error).__name__
    return not problems, problems[0].text() if problems else f"revision {head()}"


# Each says whether it is good enough to take work, and what it found.
CHECKS: dict[str, Callable[[Engine], tuple[bool, str]]] = {
    "mappings": _mappings,
    "definitions": _definitions,
    "database": _database,
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
