"""`GET /fhir/metadata`: the CapabilityStatement, made from the operations that are really there.

https://hl7.org/fhir/R4/http.html#capabilities, https://hl7.org/fhir/R4/capabilitystatement.html
"""

import importlib.metadata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, request

from service.api.answers import FHIR, fhir, fhir_wanted
from service.api.errors import refused
from service.api.operations import Operation

VERSION = importlib.metadata.version("yhdessa-fhir")

blueprint = Blueprint("metadata", __name__)


@blueprint.get("/fhir/metadata")
def metadata() -> Response:
    mode = request.args.get("mode", "full")
    if mode not in ("full", "normative", "terminology"):
        raise refused("http.parameter-value", name="mode", expected="`full`, `normative` or `terminology`")
    found = current_app.extensions["yhdessa-operations"]
    return fhir(capability_statement(found, current_app.extensions["yhdessa-started"]), mimetype=fhir_wanted())


def capability_statement(operations: Iterable[Operation], date: datetime) -> dict[str, Any]:
    """The statement for these operations; `date` is when the service started."""
    found = list(operations)
    types = sorted({name for one in found for name in one.types})
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date.isoformat(timespec="seconds"),
        "kind": "instance",
        "software": {"name": "yhdessa-fhir", "version": VERSION},
        "implementation": {"description": "Yhdessä FHIR service"},
        "fhirVersion": "4.0.1",
        "format": ["json", FHIR],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {"type": name, "operation": [_operation(one) for one in found if name in one.types]}
                    for name in types
                ],
                "operation": [_operation(one) for one in found if one.every_type or not one.types],
            }
        ],
    }


def _operation(one: Operation) -> dict[str, Any]:
    row = {"name": one.name, "definition": one.definition}
    return row | {"documentation": one.documentation} if one.documentation else row
