"""Traces: a span for each request and each transaction behind it, and nothing of anybody in them."""

import importlib.util
import json
import sys
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.api.engine import Engine
from service.api.telemetry import install
from service.config import SettingsError
from tests.api.rest import bundle, entry, patient

HETU, FAMILY, TRACE = "150318A9125", "Virtasenkoe", "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def spans(app: Flask) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    install(app, app.extensions["yhdessa-databases"], provider)
    yield exporter
    provider.shutdown()


def _tree(exporter: InMemorySpanExporter) -> list[tuple[str, str | None]]:
    """(name of a span, name of the one around it) in the order they ended."""
    found = exporter.get_finished_spans()
    names = {one.context.span_id: one.name for one in found if one.context}
    return [(one.name, names.get(one.parent.span_id) if one.parent else None) for one in found]


def test_a_request_and_its_transactions(spans: InMemorySpanExporter, app: Flask, client: FlaskClient) -> None:
    # Now and then it is asked anew whether anybody needs a token: not between these two, however long they take.
    app.extensions["yhdessa-authority"].timer = lambda: 0.0
    client.put("/fhir/Patient/p", json=patient(id="p"))
    update = "PUT /fhir/<type:type_name>/<fid:id_>"
    assert ("store.write", update) in _tree(spans)
    assert _tree(spans)[-1] == (update, None)
    (request,) = [one for one in spans.get_finished_spans() if one.name == update]
    assert dict(request.attributes or {}) == {
        "http.request.method": "PUT",
        "http.route": "/fhir/<type:type_name>/<fid:id_>",
        "url.scheme": "http",
        "http.response.status_code": 201,
    }
    spans.clear()
    client.get("/fhir/Patient/p")
    # The read, and its entry in the use log.
    assert [name for name, _ in _tree(spans)] == ["store.read", "store.write", "GET /fhir/<type:type_name>/<fid:id_>"]


def test_the_callers_trace_goes_on(spans: InMemorySpanExporter, client: FlaskClient) -> None:
    headers = {
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
        "tracestate": f"who={FAMILY}",
        "baggage": f"n={FAMILY}",
    }
    client.get("/fhir/Patient/none", headers=headers)
    found = spans.get_finished_spans()
    assert {f"{one.context.trace_id:032x}" for one in found if one.context} == {TRACE}
    client.get("/fhir/Patient/none", headers={"traceparent": "nonsense"})


def test_nothing_of_anybody(spans: InMemorySpanExporter, client: FlaskClient, example: bytes) -> None:
    headers = {
        "X-Request-Id": FAMILY,
        "User-Agent": FAMILY,
        "tracestate": f"who={FAMILY}",
        "Authorization": "Bearer x.y",
    }
    for path in (f"Patient/{HETU}", f"Patient?name={FAMILY}", f"{FAMILY}/{HETU}/{FAMILY}", "Patient?birthdate=x"):
        client.get(f"/fhir/{path}", headers=headers)
        client.get(f"/fhir/{path}", headers={"User-Agent": FAMILY})
    client.open(f"/fhir/Patient/{HETU}", method=FAMILY.upper())
    client.post("/fhir/Patient", json=patient(name=[{"family": FAMILY}]), headers={"X-Request-Id": FAMILY})
    client.post("/fhir", json=bundle("transaction", entry("PUT", f"Patient/{HETU}", patient(id=HETU))))
    client.post("/documents", data=example, content_type="application/json")
    told = "\n".join(map(_whole, spans.get_finished_spans()))
    assert told.count("http.route") > 10
    for secret in (HETU, FAMILY, FAMILY.upper(), "x.y", "127.0.0.1"):
        assert secret not in told, secret


def test_a_fault_of_ours_is_told_by_its_type(
    spans: InMemorySpanExporter, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"a message with {FAMILY}")

    monkeypatch.setattr(app.extensions["yhdessa-store"], "read", broken)
    assert client.get("/fhir/Patient/p").status_code == 500
    told = [_whole(one) for one in spans.get_finished_spans()]
    assert FAMILY not in "".join(told)
    assert any('"status_code": "ERROR"' in one for one in told)


def test_off_unless_asked_for(client: FlaskClient, app: Flask, engine: Engine) -> None:
    assert engine.settings.telemetry is False
    assert [one.span("x").__class__.__name__ for one in app.extensions["yhdessa-databases"]] == ["nullcontext"] * 2


def test_without_the_extra(engine: Engine, tmp_path: object, monkeypatch: pytest.MonkeyPatch, app: Flask) -> None:
    assert importlib.util.find_spec("opentelemetry") is not None
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(SettingsError, match="telemetry"):
        install(app, ())


def _whole(span: ReadableSpan) -> str:
    """All that would be sent of a span."""
    text: str = span.to_json()
    state = span.context.trace_state if span.context else ""
    return f"{json.dumps(json.loads(text))} {state}"
