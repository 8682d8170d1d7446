"""`create_app`: one WSGI application out of one file per interaction and operation."""

import os
import re
import time

import structlog
from flask import Flask

from service import config
from service.api import (
    addresses,
    auditing,
    auth,
    create,
    delete,
    document,
    documents,
    errors,
    everything,
    expand,
    export,
    export_files,
    export_status,
    health,
    history,
    landing,
    logs,
    lookup,
    metadata,
    metrics,
    openapi,
    patch,
    read,
    returned,
    search,
    smart_configuration,
    token,
    transaction,
    transform,
    translate,
    update,
    validate,
    validate_code,
    vread,
)
from service.api import print as paper
from service.api.answers import Answer
from service.api.application import Application
from service.api.authority import Authority
from service.api.call import call
from service.api.engine import Engine, load
from service.api.interactions import Interaction
from service.api.operations import Operation
from service.api.uselog import recorder
from service.clock import Clock, now
from service.config import Settings
from service.export.run import Limits
from service.export.worker import Worker
from service.fhir.expansion import UNCLOSED
from service.fhir.expansion import expand as expand_value_set
from service.fhir.terminology import Terminology, TerminologyError
from service.inbound.receiving import Receiving
from service.issues import masked
from service.store import Store, open_store

FACES = (documents, health, landing, metadata, metrics, openapi, returned, smart_configuration, token)
EXPORTS = (export_status, export_files)
INTERACTIONS = (read, vread, create, update, patch, delete, history, search, transaction)
OPERATIONS = (transform, validate, validate_code, lookup, expand, translate, everything, document, export, paper)

# What shows or changes nobody's data is not logged as a use.
AUDITED = frozenset(
    one.blueprint.name for one in (*FACES, *EXPORTS, *INTERACTIONS, *OPERATIONS) if one.blueprint.name not in auth.OPEN
) - {"metrics"} | {"token"}

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_VARY = ("Accept", "Accept-Language")
_ALWAYS = {name.lower(): (name, value) for name, value in (*HEADERS.items(), ("Vary", ", ".join(_VARY)))}
# With a digit, as made ids have and names have not: it is logged.
_REQUEST_ID = re.compile(r"(?=.*[0-9])[A-Za-z0-9._-]{1,64}", re.ASCII)
_log = structlog.get_logger("yhdessa.http")


def create_app(
    settings: Settings | None = None,
    engine: Engine | None = None,
    clock: Clock = now,
    store: Store | None = None,
) -> Flask:
    """The application; `engine` and `store` save opening them again where a caller has them.

    Raises `StoreError` for a database that is not up to date, and what loading raises.
    """
    loaded = engine or load(settings or config.load())
    kept = store or opened(loaded, clock)
    kept.answers = Receiving(lambda: loaded.converter)
    app = Application("service.api", static_folder=None)
    # One byte more than is allowed: of a body without a declared length the framework reads just that much.
    most = loaded.settings.max_body
    app.config.update(MAX_CONTENT_LENGTH=most + 1, MAX_BODY=most, LANGUAGE=loaded.settings.language)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    addresses.install(app)
    for face in FACES + EXPORTS + INTERACTIONS + OPERATIONS:
        app.register_blueprint(face.blueprint)
    operations: list[Operation] = [row for one in OPERATIONS for row in one.OPERATIONS]
    app.extensions |= {"yhdessa": loaded, "yhdessa-clock": clock}
    app.extensions |= {"yhdessa-operations": operations, "yhdessa-started": clock()}
    interactions: list[Interaction] = [row for one in INTERACTIONS for row in one.INTERACTIONS]
    app.extensions |= {"yhdessa-interactions": interactions, "yhdessa-store": kept}
    kept_log, log_database = recorder(kept.database, clock)
    app.extensions |= {"yhdessa-recorder": kept_log, "yhdessa-databases": (kept.database, log_database)}
    app.extensions |= {"yhdessa-authority": Authority(loaded.settings, kept, clock)}
    app.extensions |= {"yhdessa-exports": exports(loaded.settings, kept)}
    app.before_request(_begin)
    app.before_request(auth.identify)
    app.after_request(_end)
    app.teardown_request(_forget)
    errors.install(app)
    if loaded.settings.telemetry:
        from service.api import telemetry  # An extra, and slow to load.

        telemetry.install(app, (kept.database, log_database))
    return app


def exports(settings: Settings, kept: Store) -> Worker:
    """What runs bulk exports in a process that serves, once it is started."""
    limits = Limits(settings.export_bytes, settings.export_hours, settings.export_runners)
    return Worker(lambda: kept, settings.export_folder, limits)


def _begin() -> None:
    one = call()
    asked = one.header("X-Request-Id", "")
    # What a client chose is echoed and logged, so it must not be able to carry a person's id.
    usable = _REQUEST_ID.fullmatch(asked) and masked(asked) == asked
    one.id = asked if usable else os.urandom(16).hex()
    logs.BESIDE.set({"request": one.id})
    pretty = one.parameter("_pretty", None)
    one.is_pretty = pretty == "true"
    if one.request.url_rule is not None and pretty not in (None, "true", "false"):
        raise errors.refused("http.parameter-value", name="_pretty", expected="`true` or `false`")


def _forget(_error: BaseException | None) -> None:
    logs.BESIDE.set({})


def opened(loaded: Engine, clock: Clock) -> Store:
    """The store that the settings name."""
    settings, terminology = loaded.settings, loaded.converter.terminology
    port = settings.port
    own = [settings.base_url] if settings.base_url else [f"http://{name}:{port}" for name in _names(settings.host)]
    return open_store(
        settings.database,
        settings.data,
        loaded.converter.definitions,
        clock=clock,
        base_urls=[f"{one.rstrip('/')}/fhir/" for one in own],
        expand=lambda url: codes(terminology, url),
        pool=settings.threads + 2,
    )


def _names(host: str) -> tuple[str, ...]:
    shown = f"[{host}]" if ":" in host.strip("[]") else host
    return tuple(dict.fromkeys((shown, "127.0.0.1", "localhost")))


def codes(terminology: Terminology, url: str) -> list[tuple[str, str]] | None:
    """Every (system, code) of a value set; None where it is unknown or cannot be listed."""
    value_set = terminology.value_set(url)
    if value_set is None:
        return None
    try:
        made = expand_value_set(terminology, value_set, "")["expansion"]
    except TerminologyError:
        return None
    if any(one.get("url") == UNCLOSED for one in made.get("extension", ())):
        return None
    return [(str(one.get("system", "")), str(one.get("code", ""))) for one in made.get("contains", ())]


def _end(response: Answer) -> Answer:
    one = call()
    request = one.request
    if request.blueprint in AUDITED:
        response = auditing.finish(response)
    there = {name.lower() for name, _ in response.headers}
    response.further = [pair for name, pair in _ALWAYS.items() if name not in there] + [("X-Request-Id", one.id)]
    if "vary" in there:
        response.vary.update(_VARY)
    # The route and not the path: a path may hold a person's id.
    route, seconds = request.url_rule.rule if request.url_rule else None, time.perf_counter() - one.started
    _log.info("request", method=request.method, route=route, status=response.status_code, ms=round(seconds * 1000, 2))
    metrics.count(request.method, route or "none", response.status_code, seconds)
    return response
