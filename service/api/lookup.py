"""`CodeSystem/$lookup`: what a code means. https://hl7.org/fhir/R4/codesystem-operation-lookup.html"""

from flask import Blueprint, Response

from service.api.answers import fhir, fhir_wanted
from service.api.engine import engine
from service.api.operations import CORE, Operation
from service.api.parameters import given
from service.fhir.operations import code_system_lookup

OPERATIONS = (Operation("lookup", f"{CORE}CodeSystem-lookup", ("CodeSystem",)),)
PARAMETERS = {
    "code": "text",
    "system": "text",
    "version": "text",
    "coding": "coding",
    "displayLanguage": "text",
    "property": "texts",
}

blueprint = Blueprint("lookup", __name__)


@blueprint.route("/fhir/CodeSystem/$lookup", methods=["GET", "POST"])
def lookup() -> Response:
    mimetype = fhir_wanted()
    return fhir(code_system_lookup(engine().converter.terminology, given(PARAMETERS)), mimetype=mimetype)
