"""patch: JSON Patch and FHIRPath Patch, on the version that is there when it is applied; also conditional.

https://hl7.org/fhir/R4/http.html#patch
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from service.api import auditing
from service.api.answers import FHIR_TYPES, body, sent
from service.api.caller import may
from service.api.engine import engine
from service.api.errors import refused
from service.api.interactions import Interaction
from service.api.rest import criteria, known, problems, written
from service.fhir import json_patch
from service.fhir.json import parse
from service.fhir.patching import PatchError
from service.issues import issue
from service.store import StoreError, Written, reading, writing
from service.store.resources import current
from service.store.writing import Writing

INTERACTIONS = (Interaction("patch", writes=True),)
JSON_PATCH = "application/json-patch+json"

blueprint = Blueprint("patch", __name__)
Json = dict[str, Any]


@blueprint.patch("/fhir/<type:type_name>/<fid:id_>")
def patch(type_name: str, id_: str) -> Response:
    auditing.begin("patch", "U")
    may("u", known(type_name, writes=True))
    steps, match = _steps(), request.headers.get("If-Match")
    return written(auditing.write(lambda tx: _patched(tx, type_name, id_, steps, match), lambda one: [one.stored]))


@blueprint.patch("/fhir/<type:type_name>")
def patch_where(type_name: str) -> Response:
    auditing.begin("patch", "U")
    may("u", known(type_name, writes=True))
    may("s", type_name)
    steps, match, pairs = _steps(), request.headers.get("If-Match"), criteria()

    def work(tx: Writing) -> Written:
        query = writing.condition(tx, type_name, pairs)
        with writing.guarded(tx.connection, [writing.guard_key(query)]):
            found = writing.match(tx, query)
            if found is None:
                raise StoreError(issue("store.not-found", type=type_name))
            return _patched(tx, type_name, found, steps, match)

    return written(auditing.write(work, lambda one: [one.stored]))


def in_bundle(before: Json, given: Mapping[str, Any]) -> Json:
    """A patch as the resource of an entry: Parameters (FHIRPath Patch), or a Binary with a JSON Patch."""
    if given.get("resourceType") != "Binary":
        return applied(before, dict(given))
    try:
        if given.get("contentType") != JSON_PATCH:
            raise StoreError(issue("patch.media-type"))
        return applied(before, parse(base64.b64decode(given.get("data", ""), validate=True)))
    except (binascii.Error, ValueError, TypeError):
        raise StoreError(issue("patch.json-shape")) from None


def applied(before: Json, steps: Any) -> Json:
    """The patched resource, checked. Raises `StoreError`."""
    try:
        if isinstance(steps, dict):
            # FHIRPath is loaded with the first patch that speaks it.
            from service.fhir import path_patch

            after = path_patch.apply(engine().converter.definitions, before, steps)
        else:
            after = json_patch.apply(before, steps)
    except PatchError as error:
        raise StoreError(error.issue) from None
    if not isinstance(after, dict) or any(after.get(key) != before.get(key) for key in ("resourceType", "id")):
        raise StoreError(issue("patch.identity"))
    found = problems(after)
    if found:
        # Places are in the patched resource, which nobody has the text of.
        raise StoreError(*(replace(one, line=None, column=None) for one in found))
    return after


def _patched(tx: Writing, type_name: str, id_: str, steps: Any, match: str | None) -> Written:
    known_ = current(tx.connection, [(type_name, id_)])
    writing.check(tx, (type_name, id_), known_, if_match=match)
    before = reading.read(tx.connection, type_name, id_, tx.who)
    if before is None or before.deleted:
        raise StoreError(issue("store.not-found" if before is None else "store.deleted", type=type_name))
    after = applied(before.resource(), steps)
    return writing.update(tx, type_name, id_, after, method="PATCH")


def _steps() -> Any:
    """The patch in the body: a list (JSON Patch) or a Parameters resource (FHIRPath Patch)."""
    data = body()
    if sent() == JSON_PATCH:
        steps = parse(data)
        if not isinstance(steps, list):
            raise refused("patch.json-shape")
        return steps
    if sent() not in FHIR_TYPES:
        raise refused("patch.media-type")
    steps = parse(data)
    if not isinstance(steps, dict) or steps.get("resourceType") != "Parameters":
        raise refused("patch.path-shape")
    return steps
