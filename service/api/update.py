"""update, also as create and conditional: a resource becomes what is sent.

https://hl7.org/fhir/R4/http.html#update, https://hl7.org/fhir/R4/http.html#cond-update
"""

from flask import Blueprint, Response, request

from service.api import auditing
from service.api.caller import may
from service.api.errors import refused
from service.api.interactions import Interaction
from service.api.rest import criteria, known, resource_of, written
from service.store import writing

INTERACTIONS = (
    Interaction("update", writes=True),
    Interaction("updateCreate", writes=True, is_feature=True),
    Interaction("conditionalUpdate", writes=True, is_feature=True),
)

blueprint = Blueprint("update", __name__)


@blueprint.put("/fhir/<type:type_name>/<fid:id_>")
def update(type_name: str, id_: str) -> Response:
    auditing.begin("update", "U")
    may("u", known(type_name, writes=True))
    resource, _ = resource_of(type_name)
    if "id" not in resource:
        raise refused("http.id-missing", id=id_)
    match, none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    done = auditing.write(
        lambda tx: writing.update(tx, type_name, id_, resource, if_match=match, if_none_match=none_match),
        lambda one: [one.stored],
    )
    return written(done)


@blueprint.put("/fhir/<type:type_name>")
def update_where(type_name: str) -> Response:
    auditing.begin("update", "U")
    may("u", known(type_name, writes=True))
    may("s", type_name)
    resource, _ = resource_of(type_name)
    pairs, match = criteria(), request.headers.get("If-Match")
    done = auditing.write(
        lambda tx: writing.update_where(tx, type_name, pairs, resource, if_match=match), lambda one: [one.stored]
    )
    return written(done)
