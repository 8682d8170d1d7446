"""`ValueSet/$expand`: the codes of a value set. https://hl7.org/fhir/R4/valueset-operation-expand.html"""

from typing import Any

from flask import Blueprint, Response, current_app

from service.api import loaded
from service.api.answers import fhir, fhir_wanted
from service.api.engine import engine
from service.api.operations import CORE, Operation
from service.api.parameters import given
from service.fhir.operations import value_set_expand

OPERATIONS = (Operation("expand", f"{CORE}ValueSet-expand", ("ValueSet",)),)
PARAMETERS = {
    "url": "text",
    "valueSet": "resource",
    "valueSetVersion": "text",
    "filter": "text",
    "offset": "number",
    "count": "number",
    "includeDesignations": "flag",
    "includeDefinition": "flag",
    "activeOnly": "flag",
    "excludeNotForUI": "flag",
    "displayLanguage": "text",
}

blueprint = Blueprint("expand", __name__)


@blueprint.route("/fhir/ValueSet/$expand", methods=["GET", "POST"])
def expand() -> Response:
    mimetype = fhir_wanted()
    return _answer(given(PARAMETERS), mimetype)


@blueprint.route("/fhir/ValueSet/<fid:id_>/$expand", methods=["GET", "POST"])
def expand_one(id_: str) -> Response:
    mimetype = fhir_wanted()
    return _answer(loaded.given_to("ValueSet", id_, PARAMETERS), mimetype)


def _answer(asked: dict[str, Any], mimetype: str) -> Response:
    timestamp = current_app.extensions["yhdessa-clock"]().isoformat(timespec="seconds")
    return fhir(value_set_expand(engine().converter.terminology, asked, timestamp), mimetype=mimetype)
