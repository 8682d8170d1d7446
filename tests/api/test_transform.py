"""`StructureMap/$transform`: a variant takes a document all the way and back; a map runs on any content."""

from typing import Any

from flask.testing import FlaskClient

from service.fhir.json import encode, parse

ROOT = "https://yhdessa.example/fhir/StructureMap/"


def _post(client: FlaskClient, path: str, body: Any, status: int = 200) -> Any:
    answer = client.post(path, data=encode(body), content_type="application/fhir+json")
    assert answer.status_code == status, answer.data
    return parse(answer.data)


def _wrapped(content: Any, **values: str) -> dict[str, Any]:
    rows = [{"name": name, "valueUri": value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": [*rows, {"name": "content", "resource": content}]}


def test_a_variant_takes_a_document_all_the_way_and_back(client: FlaskClient, example: bytes) -> None:
    document = parse(example)
    headers = {"Accept": "application/fhir+json"}
    posted = client.post("/documents", data=example, content_type="application/json", headers=headers)
    variant = document["model"]
    bundle = _post(client, f"/fhir/StructureMap/{variant}/$transform", document)
    assert bundle == parse(posted.data)
    assert _post(client, f"/fhir/StructureMap/{variant}/$transform", _wrapped(document)) == bundle
    assert _post(client, "/fhir/StructureMap/$transform", _wrapped(document, source=ROOT + variant)) == bundle
    assert _post(client, f"/fhir/StructureMap/$transform?source={ROOT}{variant}", document) == bundle
    back = _post(client, f"/fhir/StructureMap/{variant}/$transform", bundle)
    assert (back["kind"], back["id"]) == (document["kind"], document["id"])


def test_a_map_runs_as_it_stands(client: FlaskClient) -> None:
    name = {"family": "Aalto", "given": ["Aino"]}
    made = _post(client, "/fhir/StructureMap/yhdessa-datatypes/$transform", {"nonDisclosure": True, "name": name})
    assert isinstance(made, dict)


def test_what_cannot_be_run(client: FlaskClient, example: bytes) -> None:
    document = parse(example)
    _post(client, "/fhir/StructureMap/nothing/$transform", document, 404)
    _post(client, "/fhir/StructureMap/$transform", document, 400)
    _post(client, "/fhir/StructureMap/$transform", {"resourceType": "Parameters"}, 400)
    _post(client, "/fhir/StructureMap/yhdessa-aika/$transform", {"resourceType": "Parameters"}, 400)
    _post(client, "/fhir/StructureMap/yhdessa-aika/$transform", document | {"nonsense": 1}, 422)
    _post(client, "/fhir/StructureMap/yhdessa-aika/$transform", {"resourceType": "Bundle", "type": "collection"}, 422)
