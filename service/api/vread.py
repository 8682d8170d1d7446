"""vread: one version of a resource.

https://hl7.org/fhir/R4/http.html#vread
"""

from flask import Blueprint, Response

from service.api import auditing
from service.api.caller import caller, may
from service.api.context import store
from service.api.errors import refused
from service.api.interactions import Interaction
from service.api.read import there
from service.api.rest import is_known_to_caller, known, served, stamp

INTERACTIONS = (Interaction("vread"), Interaction("readHistory", is_feature=True))

blueprint = Blueprint("vread", __name__)


@blueprint.get("/fhir/<type:type_name>/<fid:id_>/_history/<fid:version>")
def vread(type_name: str, id_: str, version: str) -> Response:
    used = auditing.begin("vread", "R")
    may("r", known(type_name))
    # Versions are numbers; another text is a version that is not there.
    if not (version.isdigit() and len(version) < 10):
        raise refused("store.not-found", type=type_name)
    found = there(store().vread(type_name, id_, int(version), caller().who), type_name)
    used.touch(found)
    if is_known_to_caller(found):
        return stamp(Response(status=304), found)
    return served(found)
