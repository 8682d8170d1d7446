"""The service about itself: health, readiness, CapabilityStatement, OpenAPI, landing page."""

import re

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from service.api.application import Application
from service.api.engine import Engine
from service.fhir.json import parse


def rules(app: Flask) -> set[str]:
    """Every address, in OpenAPI's spelling."""
    return {spelt(rule.rule) for rule in app.url_map.iter_rules()}


def spelt(rule: str) -> str:
    names = {"type_name": "type", "map_id": "id", "id_": "id"}
    return re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda match: f"{{{names.get(match[1], match[1])}}}", rule)


def test_health_and_readiness(client: FlaskClient) -> None:
    assert client.get("/health").json == {"status": "ok"}
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert parse(answer.data)["status"] == "ready"
    assert all(check["ready"] for check in parse(answer.data)["checks"].values())


def test_the_capability_statement_is_valid_and_true(client: FlaskClient, app: Flask, engine: Engine) -> None:
    answer = client.get("/fhir/metadata", headers={"Accept": "application/fhir+json"})
    statement = parse(answer.data)
    assert answer.mimetype == "application/fhir+json"
    assert statement["date"] == "2026-03-29T12:00:00+03:00"
    found = [one for one in engine.converter.validator.validate(statement) if one.is_error]
    assert found == []
    rest = statement["rest"][0]
    said = {f"/fhir/${one['name']}" for one in rest["operation"]}
    said |= {f"/fhir/{row['type']}/${one['name']}" for row in rest["resource"] for one in row.get("operation", ())}
    there = {rule for rule in rules(app) if "$" in rule and "{" not in rule}
    there |= {rule.replace("/{id}", "") for rule in rules(app) if re.search(r"/[A-Z]\w+/\{id\}/\$", rule)}
    there |= {"/fhir/Patient/$everything", "/fhir/CarePlan/$everything"}
    assert said == there


def test_openapi_names_every_address_and_no_other(client: FlaskClient, app: Flask) -> None:
    description = parse(client.get("/openapi.json").data)
    assert set(description["paths"]) == rules(app)
    methods = {
        (spelt(rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    said = {(path, name) for path, row in description["paths"].items() for name in row if name != "parameters"}
    assert said == methods
    assert "schema.json" not in client.get("/openapi.json").get_data(as_text=True).replace("$id", "")


def test_openapi_references_resolve(client: FlaskClient) -> None:
    from service.fhir.json import resolve

    description = parse(client.get("/openapi.json").data)
    stack = [description]
    seen = 0
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                resolve(description, node["$ref"].removeprefix("#"))
                seen += 1
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    assert seen > 50


def test_the_landing_page_speaks_the_callers_language(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept-Language": "fi"}).get_data(as_text=True)
    assert '<html lang="fi">' in page
    assert "/fhir/metadata" in page


def test_a_hook_that_would_be_passed_over_is_refused() -> None:
    own, of_all = Blueprint("own", __name__), Blueprint("of-all", __name__)
    own.before_request(lambda: None)
    of_all.before_app_request(lambda: None)
    app = Application(__name__)
    app.register_blueprint(of_all)
    with pytest.raises(TypeError, match="own has hooks"):
        app.register_blueprint(own)


def test_format_and_pretty(client: FlaskClient) -> None:
    assert client.get("/fhir/metadata?_format=json").mimetype == "application/fhir+json"
    assert client.get("/fhir/metadata?_format=application/fhir+json").status_code == 200
    assert client.get("/fhir/metadata", headers={"Accept": "application/json"}).mimetype == "application/json"
    assert client.get("/fhir/metadata?_pretty=true").data.count(b"\n") > 10
