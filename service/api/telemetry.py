"""Traces (OpenTelemetry) of requests and of the transactions behind them; off unless `YHDESSA_TELEMETRY` is set.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/. Where they go say the usual variables
(`OTEL_EXPORTER_OTLP_ENDPOINT`, …). Nothing a client has sent is in a span: the route and not the path, the type of an
error and not its message. Instrumentations from the shelf send paths, queries and headers, so none is used.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, g, request

from service.api import logs
from service.config import SettingsError
from service.store.engine import Database

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def install(app: Flask, databases: Iterable[Database], provider: Any = None) -> None:
    """Trace what `app` answers and `databases` do; without a `provider` (TracerProvider), to where the variables say.

    Raises `SettingsError` where OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.trace import SpanKind, Status, StatusCode
    except ImportError:
        raise SettingsError("YHDESSA_TELEMETRY", "install yhdessa-fhir[telemetry] for it") from None
    tracer = (provider or _provider()).get_tracer("yhdessa")

    def begin() -> None:
        method = request.method if request.method in METHODS else "_OTHER"
        route = request.url_rule.rule if request.url_rule else ""
        attributes = {"http.request.method": method, "http.route": route, "url.scheme": request.scheme}
        g.tracing = _current(
            tracer, f"{method} {route}".strip(), attributes=attributes, kind=SpanKind.SERVER, context=_parent()
        )
        g.span = g.tracing.__enter__()
        logs.BESIDE.set({**logs.BESIDE.get(), "trace": f"{g.span.get_span_context().trace_id:032x}"})

    def status(response: Response) -> Response:
        if "span" in g:
            g.span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                g.span.set_status(Status(StatusCode.ERROR))
        return response

    def end(_error: BaseException | None) -> None:
        tracing = g.pop("tracing", None)
        if tracing is not None:
            tracing.__exit__(None, None, None)

    # After the one that names the request, before the one that asks who makes it.
    app.before_request_funcs.setdefault(None, []).insert(1, begin)
    app.after_request(status)
    app.teardown_request(end)
    for database in databases:
        database.span = _transactions(tracer, "sqlite" if database.is_sqlite else "postgresql")


def _provider() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from service.api.metadata import VERSION

    made = TracerProvider(resource=Resource.create({"service.name": "yhdessa-fhir", "service.version": VERSION}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def _transactions(tracer: Any, system: str) -> Any:
    from opentelemetry.trace import SpanKind

    def span(name: str) -> Any:
        return _current(tracer, name, attributes={"db.system.name": system}, kind=SpanKind.CLIENT)

    return span


@contextmanager
def _current(tracer: Any, name: str, **options: Any) -> Iterator[Any]:
    """A span around what is done inside; of an exception only the type is kept, its message may quote a document."""
    quiet = {"record_exception": False, "set_status_on_exception": False}
    with tracer.start_as_current_span(name, **quiet, **options) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            raise


def _parent() -> Any:
    """The span of whoever calls, as `traceparent` names it. `tracestate` and baggage are free text: left out."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    given = request.headers.get("traceparent", "")
    return TraceContextTextMapPropagator().extract({"traceparent": given})
