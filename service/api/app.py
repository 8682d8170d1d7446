"""`create_app`: one WSGI application out of one file per interaction and operation."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from service import config
from service.api import (
    documents,
    errors,
    expand,
    health,
    landing,
    lookup,
    metadata,
    openapi,
    transform,
    translate,
    validate,
    validate_code,
)
from service.api.engine import Engine, load
from service.api.operations import Operation
from service.clock import Clock, now
from service.config import Settings
from service.issues import masked

FACES = (documents, health, landing, metadata, openapi)
OPERATIONS = (transform, validate, validate_code, lookup, expand, translate)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_log = structlog.get_logger("yhdessa.http")


def create_app(settings: Settings | None = None, engine: Engine | None = None, clock: Clock = now) -> Flask:
    """The application; `engine` saves loading it again where a caller has one."""
    loaded = engine or load(settings or config.load())
    app = Flask("service.api", static_folder=None)
    # One byte more than is allowed: of a body without a declared length the framework reads just that much.
    most = loaded.settings.max_body
    app.config.update(MAX_CONTENT_LENGTH=most + 1, MAX_BODY=most, LANGUAGE=loaded.settings.language)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for face in FACES + OPERATIONS:
        app.register_blueprint(face.blueprint)
    operations: list[Operation] = [row for one in OPERATIONS for row in one.OPERATIONS]
    app.extensions |= {"yhdessa": loaded, "yhdessa-clock": clock}
    app.extensions |= {"yhdessa-operations": operations, "yhdessa-started": clock()}
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(lambda _error: structlog.contextvars.clear_contextvars())
    errors.install(app)
    return app


def _begin() -> None:
    asked = request.headers.get("X-Request-Id", "")
    g.started = time.perf_counter()
    # What a client chose is echoed and logged, so it must not be able to carry a person's id.
    usable = _REQUEST_ID.fullmatch(asked) and masked(asked) == asked
    g.request_id = asked if usable else uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=g.request_id)
    if request.url_rule is not None and request.args.get("_pretty") not in (None, "true", "false"):
        raise errors.refused("http.parameter-value", name="_pretty", expected="`true` or `false`")


def _end(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = g.request_id
    response.vary.update(("Accept", "Accept-Language"))
    # The route and not the path: a path may hold a person's id.
    _log.info(
        "request",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        ms=round((time.perf_counter() - g.started) * 1000, 2),
    )
    return response
