"""`CarePlan/{id}/$document`: the plan as a document Bundle.

https://hl7.org/fhir/R4/documents.html
"""

from flask import Blueprint, Response, current_app

from service.api import auditing
from service.api.answers import fhir, fhir_wanted
from service.api.caller import caller, may
from service.api.context import base, store
from service.api.everything import gathered
from service.api.operation_definitions import OWN
from service.api.operations import Operation
from service.api.parameters import given
from service.api.read import there
from service.plan_document import document
from service.store.values import instant, micros

OPERATIONS = (Operation("document", f"{OWN}CarePlan-document", ("CarePlan",)),)

blueprint = Blueprint("document", __name__)


@blueprint.route("/fhir/CarePlan/<fid:id_>/$document", methods=["GET", "POST"])
def of_plan(id_: str) -> Response:
    used = auditing.begin("document", "E", "CarePlan/$document")
    may("r", "CarePlan")
    mimetype = fhir_wanted()
    given({})
    plan = there(store().read("CarePlan", id_, caller().who), "CarePlan")
    found = [one for one in gathered("CarePlan", id_) if one.reference != plan.reference]
    now = micros(current_app.extensions["yhdessa-clock"]()) // 1000 * 1000
    made = document(plan.resource(), [one.resource() for one in found], base(), instant(now))
    inside = {entry["fullUrl"] for entry in made["entry"]}
    used.touch(plan, *(one for one in found if f"{base()}/{one.reference}" in inside))
    return fhir(made, mimetype=mimetype)
