"""delete, also conditional: a last version without content; the history stays.

https://hl7.org/fhir/R4/http.html#delete, https://hl7.org/fhir/R4/http.html#3.1.0.7.1
"""

from flask import Blueprint, Response, request

from service.api import auditing
from service.api.answers import fhir, fhir_wanted, language
from service.api.caller import may
from service.api.interactions import Interaction
from service.api.rest import criteria, known, prefer
from service.issues import outcome
from service.store import Written, writing

INTERACTIONS = (
    Interaction("delete", writes=True),
    Interaction("conditionalDelete", writes=True, is_feature=True, value="single"),
)

blueprint = Blueprint("delete", __name__)


@blueprint.delete("/fhir/<type:type_name>/<fid:id_>")
def delete(type_name: str, id_: str) -> Response:
    auditing.begin("delete", "D")
    may("d", known(type_name, writes=True))
    match = request.headers.get("If-Match")
    return _gone(
        auditing.write(lambda tx: writing.remove(tx, type_name, id_, if_match=match), lambda one: [one.stored])
    )


@blueprint.delete("/fhir/<type:type_name>")
def delete_where(type_name: str) -> Response:
    auditing.begin("delete", "D")
    may("d", known(type_name, writes=True))
    may("s", type_name)
    pairs, match = criteria(), request.headers.get("If-Match")
    return _gone(
        auditing.write(lambda tx: writing.remove_where(tx, type_name, pairs, if_match=match), lambda one: [one.stored])
    )


def _gone(done: Written) -> Response:
    """204, also where there was nothing: the resource is not there."""
    mimetype = fhir_wanted()
    says = prefer("return") == "OperationOutcome"
    response = fhir(outcome([], language()), mimetype=mimetype) if says else Response(status=204)
    if done.stored is not None:
        response.headers["ETag"] = done.stored.etag
    return response
