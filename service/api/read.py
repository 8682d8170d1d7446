"""read: the current version of a resource.

https://hl7.org/fhir/R4/http.html#read
"""

from flask import Blueprint, Response

from service.api import audit_events, auditing, made_groups, operation_definitions
from service.api.answers import fhir, fhir_wanted
from service.api.caller import caller, may
from service.api.context import store
from service.api.errors import refused
from service.api.interactions import Interaction
from service.api.rest import is_known_to_caller, known, served, stamp
from service.store import Stored

INTERACTIONS = (
    Interaction("read"),
    Interaction("conditionalRead", is_feature=True, value="full-support"),
)

blueprint = Blueprint("read", __name__)


@blueprint.get("/fhir/<type:type_name>/<fid:id_>")
def read(type_name: str, id_: str) -> Response:
    if type_name == audit_events.TYPE:
        return audit_events.read(id_)
    if type_name == "CarePlan":
        from service.api import print as paper  # It reads, too.

        if paper.wants_pdf():
            return paper.instead(id_)
    used = auditing.begin("read", "R")
    may("r", known(type_name))
    kept = store().read(type_name, id_, caller().who)
    if kept is None and type_name == operation_definitions.TYPE and id_ in operation_definitions.definitions():
        return fhir(operation_definitions.definitions()[id_], mimetype=fhir_wanted())
    if kept is None and type_name == made_groups.TYPE and (made := made_groups.find(id_)) is not None:
        return fhir(made, mimetype=fhir_wanted())
    found = there(kept, type_name)
    used.touch(found)
    if is_known_to_caller(found):
        return stamp(Response(status=304), found)
    return served(found)


def there(found: Stored | None, type_name: str) -> Stored:
    """What was found; ends the request where there is nothing, or nothing any more."""
    if found is None:
        raise refused("store.not-found", type=type_name)
    if found.deleted:
        auditing.use().touch(found)
        raise refused("store.deleted", type=type_name).with_headers({"ETag": found.etag})
    return found
