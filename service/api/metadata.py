"""`GET /fhir/metadata`: the CapabilityStatement, made from what really is there.

https://hl7.org/fhir/R4/http.html#capabilities, https://hl7.org/fhir/R4/capabilitystatement.html
"""

import importlib.metadata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, current_app, request

from service.api import audit_events
from service.api.answers import FHIR, fhir, fhir_wanted
from service.api.auth import authority
from service.api.context import root, store
from service.api.engine import engine
from service.api.errors import refused
from service.api.export import INSTANTIATES
from service.api.interactions import NOT_KEPT, READ_ONLY, Interaction
from service.api.operations import Operation
from service.store.parameters import Parameters

VERSION = importlib.metadata.version("yhdessa-fhir")
_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
Json = dict[str, Any]

blueprint = Blueprint("metadata", __name__)


@blueprint.get("/fhir/metadata")
def metadata() -> Response:
    mode = request.args.get("mode", "full")
    if mode not in ("full", "normative", "terminology"):
        raise refused("http.parameter-value", name="mode", expected="`full`, `normative` or `terminology`")
    mimetype = fhir_wanted()
    made = current_app.extensions.get("yhdessa-statement")
    if made is None:
        extensions = current_app.extensions
        made = [*resources(extensions["yhdessa-interactions"], extensions["yhdessa-operations"], store().parameters)]
        extensions["yhdessa-statement"] = made
    return fhir(capability_statement(made), mimetype=mimetype)


def capability_statement(found: Sequence[Json]) -> Json:
    """The statement of this application with these rows for its types."""
    extensions = current_app.extensions
    operations: list[Operation] = extensions["yhdessa-operations"]
    system = [one.code for one in extensions["yhdessa-interactions"] if one.level == "system"]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": extensions["yhdessa-started"].isoformat(timespec="seconds"),
        "kind": "instance",
        "instantiates": [INSTANTIATES],
        "software": {"name": "yhdessa-fhir", "version": VERSION},
        "implementation": {"description": "Yhdessä FHIR service", "url": f"{root()}/fhir"},
        "fhirVersion": "4.0.1",
        "format": ["json", FHIR],
        "patchFormat": ["application/json-patch+json", FHIR],
        "rest": [
            {
                "mode": "server",
                "security": _security(),
                "resource": list(found),
                "interaction": [{"code": code} for code in system],
                "operation": [_operation(one) for one in operations if one.every_type or not one.types],
            }
        ],
    }


def resources(
    interactions: Sequence[Interaction], operations: Sequence[Operation], parameters: Parameters
) -> Iterable[Json]:
    """One row for each type that can be kept or has an operation."""
    types = engine().converter.definitions.types()
    for name in sorted(name for name, kind in types.items() if kind == "resource" and name not in NOT_KEPT):
        if name in READ_ONLY:
            yield _log()
        else:
            yield _resource(name, interactions, operations, parameters)


def _resource(
    name: str, interactions: Sequence[Interaction], operations: Sequence[Operation], parameters: Parameters
) -> Json:
    own = [one for one in interactions if one.level == "type"]
    known = parameters.of(name)
    references = [one for one in known.values() if one.kind == "reference"]
    row: Json = {
        "type": name,
        "interaction": [{"code": one.code} for one in own if not one.is_feature],
        "versioning": "versioned-update",
        **{one.code: one.value for one in own if one.is_feature},
        "referencePolicy": ["literal", "logical"],
        "searchInclude": ["*", f"{name}:*", *(f"{name}:{one.code}" for one in references)],
        "searchRevInclude": _referring(name, parameters),
        "searchParam": [{"name": one.code, "definition": one.definition, "type": one.kind} for one in known.values()],
    }
    offered = [_operation(one) for one in operations if name in one.types]
    return row | ({"operation": offered} if offered else {})


def _referring(name: str, parameters: Parameters) -> list[str]:
    return [f"{source}:{code}" for source, code in _referrers(parameters).get(name, ())]


def _referrers(parameters: Parameters) -> Mapping[str, Sequence[tuple[str, str]]]:
    """For each type the reference parameters of others that can lead to it."""
    found: dict[str, list[tuple[str, str]]] = current_app.extensions.setdefault("yhdessa-referrers", {})
    if not found:
        for source, kind in engine().converter.definitions.types().items():
            if kind == "resource" and source not in NOT_KEPT:
                for one in parameters.of(source).values():
                    for target in one.targets:
                        found.setdefault(target, []).append((source, one.code))
    return found


def _log() -> Json:
    parameters = [{"name": name, "type": kind} for name, kind in audit_events.PARAMETERS.items()]
    interaction = [{"code": "read"}, {"code": "search-type"}]
    return {"type": audit_events.TYPE, "interaction": interaction, "searchParam": parameters}


def _security() -> Json:
    if authority().is_open():
        return {"description": "No client is registered: only this machine is served, without tokens."}
    uris = {"url": _URIS, "extension": [{"url": "token", "valueUri": f"{root()}/auth/token"}]}
    service = {"coding": [{"system": _SERVICE, "code": "SMART-on-FHIR"}], "text": "SMART Backend Services"}
    return {"extension": [uris], "service": [service]}


def _operation(one: Operation) -> Json:
    row = {"name": one.name, "definition": one.definition}
    return row | {"documentation": one.documentation} if one.documentation else row
