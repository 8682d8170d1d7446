"""create, also conditional: a new resource under an id that the service chooses.

https://hl7.org/fhir/R4/http.html#create, https://hl7.org/fhir/R4/http.html#ccreate
"""

from urllib.parse import urlencode

from flask import Blueprint, Response, request

from service.api import auditing
from service.api.caller import may
from service.api.interactions import Interaction
from service.api.rest import criteria, known, pairs_of, resource_of, written
from service.store import writing

INTERACTIONS = (Interaction("create", writes=True), Interaction("conditionalCreate", writes=True, is_feature=True))

blueprint = Blueprint("create", __name__)


@blueprint.post("/fhir/<type:type_name>")
def create(type_name: str) -> Response:
    auditing.begin("create", "C")
    may("c", known(type_name, writes=True))
    # Some clients (fhirpy, Aidbox) put the condition into the address; to ignore it there would make duplicates.
    condition = request.headers.get("If-None-Exist") or urlencode(criteria()) or None
    if condition is not None:
        # Whether there is such a one is itself something to be allowed to know.
        may("s", type_name)
    resource, _ = resource_of(type_name)
    pairs = None if condition is None else pairs_of(condition.lstrip("?"))
    done = auditing.write(lambda tx: writing.create(tx, resource, pairs), lambda one: [one.stored])
    return written(done)
