"""`$validate`: is this resource valid? The answer is 200 with an OperationOutcome, also where it is not.

https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from typing import Any

from flask import Blueprint, Response, current_app

from service.api.answers import body, fhir, fhir_wanted, language
from service.api.engine import engine
from service.api.errors import refused
from service.api.operations import CORE, Operation
from service.api.parameters import Inputs, inputs, is_parameters, read_body
from service.issues import Issue, outcome
from service.validation.run import Options

OPERATIONS = (Operation("validate", f"{CORE}Resource-validate", every_type=True),)
MODES = ("create", "update", "profile")

blueprint = Blueprint("validate", __name__)


@blueprint.post("/fhir/$validate")
def validate() -> Response:
    return _answer(None)


@blueprint.post("/fhir/<type_name>/$validate")
def validate_type(type_name: str) -> Response:
    if engine().converter.definitions.types().get(type_name) != "resource":
        raise refused("http.unknown-type", type=type_name)
    return _answer(type_name)


def _answer(expected: str | None) -> Response:
    mimetype = fhir_wanted()
    read = read_body()
    # A Parameters resource is the envelope, unless it is what is to be checked.
    wrapped = is_parameters(read) and expected != "Parameters"
    given = inputs(read if wrapped else None, ("resource", "profile", "mode"))
    _check_mode(given)
    resource = given.object("resource") if wrapped else read
    if resource is None:
        raise refused("http.parameter-missing", name="resource")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise refused("http.not-a-resource")
    if expected not in (None, resource["resourceType"]):
        raise refused("http.wrong-type", expected=expected)
    found = _validate(resource, given.texts("profile"), None if wrapped else body())
    return fhir(outcome(found, language()), mimetype=mimetype)


def _check_mode(given: Inputs) -> None:
    mode = given.text("mode")
    if mode is not None and mode not in MODES:
        raise refused("http.parameter-value", name="mode", expected=", ".join(f"`{one}`" for one in MODES))
    if mode == "profile" and not given.texts("profile"):
        raise refused("http.parameter-missing", name="profile")


def _validate(resource: dict[str, Any], profiles: list[str], text: bytes | None) -> list[Issue]:
    known = engine().converter.definitions
    for url in profiles:
        if known.structure(url) is None:
            raise refused("http.unknown-profile", profile=url)
    options = Options(today=current_app.extensions["yhdessa-clock"]().date())
    return engine().converter.validator.validate(resource, profiles, text, options)
