"""`ValueSet/$validate-code` and `CodeSystem/$validate-code`: is this code one of them, and is it called so?

https://hl7.org/fhir/R4/valueset-operation-validate-code.html,
https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
"""

from flask import Blueprint, Response

from service.api import loaded
from service.api.answers import fhir, fhir_wanted, language
from service.api.engine import engine
from service.api.operations import CORE, Operation
from service.api.parameters import given
from service.fhir.operations import code_system_validate_code, value_set_validate_code

OPERATIONS = (
    Operation("validate-code", f"{CORE}ValueSet-validate-code", ("ValueSet",)),
    Operation("validate-code", f"{CORE}CodeSystem-validate-code", ("CodeSystem",)),
)
_COMMON = {
    "url": "text",
    "code": "text",
    "display": "text",
    "coding": "coding",
    "codeableConcept": "concept",
    "abstract": "flag",
    "displayLanguage": "text",
}
IN_VALUE_SET = _COMMON | {"valueSet": "resource", "valueSetVersion": "text", "system": "text", "systemVersion": "text"}
IN_CODE_SYSTEM = _COMMON | {"codeSystem": "resource", "version": "text"}

blueprint = Blueprint("validate_code", __name__)


@blueprint.route("/fhir/ValueSet/$validate-code", methods=["GET", "POST"])
def in_value_set() -> Response:
    mimetype = fhir_wanted()
    found = value_set_validate_code(engine().converter.terminology, given(IN_VALUE_SET), language())
    return fhir(found, mimetype=mimetype)


@blueprint.route("/fhir/ValueSet/<fid:id_>/$validate-code", methods=["GET", "POST"])
def in_one_value_set(id_: str) -> Response:
    mimetype = fhir_wanted()
    asked = loaded.given_to("ValueSet", id_, IN_VALUE_SET)
    return fhir(value_set_validate_code(engine().converter.terminology, asked, language()), mimetype=mimetype)


@blueprint.route("/fhir/CodeSystem/<fid:id_>/$validate-code", methods=["GET", "POST"])
def in_one_code_system(id_: str) -> Response:
    mimetype = fhir_wanted()
    asked = loaded.given_to("CodeSystem", id_, IN_CODE_SYSTEM)
    return fhir(code_system_validate_code(engine().converter.terminology, asked, language()), mimetype=mimetype)


@blueprint.route("/fhir/CodeSystem/$validate-code", methods=["GET", "POST"])
def in_code_system() -> Response:
    mimetype = fhir_wanted()
    found = code_system_validate_code(engine().converter.terminology, given(IN_CODE_SYSTEM), language())
    return fhir(found, mimetype=mimetype)
