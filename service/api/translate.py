"""`ConceptMap/$translate`: what a code is in another system.

https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from flask import Blueprint, Response

from service.api import loaded
from service.api.answers import fhir, fhir_wanted, language
from service.api.engine import engine
from service.api.operations import CORE, Operation
from service.api.parameters import given
from service.fhir.operations import concept_map_translate

OPERATIONS = (Operation("translate", f"{CORE}ConceptMap-translate", ("ConceptMap",)),)
PARAMETERS = {
    "url": "text",
    "conceptMap": "resource",
    "conceptMapVersion": "text",
    "code": "text",
    "system": "text",
    "version": "text",
    "source": "text",
    "coding": "coding",
    "codeableConcept": "concept",
    "target": "text",
    "targetsystem": "text",
    "dependency": "parts",
    "reverse": "flag",
}

blueprint = Blueprint("translate", __name__)


@blueprint.route("/fhir/ConceptMap/$translate", methods=["GET", "POST"])
def translate() -> Response:
    mimetype = fhir_wanted()
    found = concept_map_translate(engine().converter.terminology, given(PARAMETERS), language())
    return fhir(found, mimetype=mimetype)


@blueprint.route("/fhir/ConceptMap/<fid:id_>/$translate", methods=["GET", "POST"])
def translate_by(id_: str) -> Response:
    mimetype = fhir_wanted()
    asked = loaded.given_to("ConceptMap", id_, PARAMETERS)
    return fhir(concept_map_translate(engine().converter.terminology, asked, language()), mimetype=mimetype)
