"""`$validate`: is this resource valid, and would it be taken? 200 with an OperationOutcome, also where it is not.

https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from service.api import audit_events, auditing
from service.api.answers import body, fhir, fhir_wanted, language
from service.api.caller import caller, may
from service.api.context import store
from service.api.engine import engine
from service.api.errors import refused
from service.api.operations import CORE, Operation
from service.api.parameters import inputs, is_parameters, read_body
from service.api.read import there
from service.api.rest import kept, known, today
from service.fhir.json import encode
from service.issues import Issue, has_errors, issue, outcome
from service.store import StoreError, Written, writing
from service.store.writing import Writing
from service.validation.run import Options

OPERATIONS = (Operation("validate", f"{CORE}Resource-validate", every_type=True),)
# What is there can be changed; without an id there is nothing to update or delete.
MODES_OF_TYPE = ("create", "profile")
MODES_OF_ONE = ("create", "update", "delete", "profile")
_PARAMETERS = ("resource", "profile", "mode")
Json = dict[str, Any]

blueprint = Blueprint("validate", __name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be checked: `resource` as it was given, with its `text` where it stood alone in the body."""

    resource: Json | None
    profiles: list[str]
    mode: str | None
    text: bytes | None


@blueprint.post("/fhir/$validate")
def validate() -> Response:
    return _of_type(None)


@blueprint.post("/fhir/<type_name>/$validate")
def validate_type(type_name: str) -> Response:
    if engine().converter.definitions.types().get(type_name) != "resource":
        raise refused("http.unknown-type", type=type_name)
    return _of_type(type_name)


@blueprint.route("/fhir/<type_name>/<fid:id_>/$validate", methods=["GET", "POST"])
def validate_one(type_name: str, id_: str) -> Response:
    """The resource that is given, or the one that is kept under this id."""
    auditing.begin("operation", "E", f"{type_name}/$validate")
    known(type_name)
    mimetype = fhir_wanted()
    asked = _asked(type_name, MODES_OF_ONE)
    if asked.mode == "delete":
        found = _deletion(type_name, id_)
    elif asked.resource is None:
        found = _kept_one(type_name, id_, asked)
    elif asked.mode in ("create", "update"):
        found = _change(type_name, id_, asked, asked.resource)
    else:
        found = [*_same_id(asked.resource, id_), *_judged(asked.resource, asked.profiles, asked.text)]
    return fhir(outcome(found, language()), mimetype=mimetype)


def _of_type(expected: str | None) -> Response:
    mimetype = fhir_wanted()
    asked = _asked(expected, MODES_OF_TYPE)
    resource = asked.resource
    if resource is None:
        raise refused("http.parameter-missing", name="resource")
    if asked.mode == "create":
        may("c", known(resource["resourceType"], writes=True))
    options = kept() if asked.mode == "create" else None
    found = _judged(resource, asked.profiles, asked.text, options)
    return fhir(outcome(found, language()), mimetype=mimetype)


def _asked(expected: str | None, modes: tuple[str, ...]) -> Asked:
    read = read_body() if request.method == "POST" else None
    # A Parameters resource is the envelope, unless it is what is to be checked.
    wrapped = is_parameters(read) and expected != "Parameters"
    given = inputs(read if wrapped else None, _PARAMETERS)
    mode, profiles = given.text("mode"), given.texts("profile")
    if mode is not None and mode not in modes:
        raise refused("http.parameter-value", name="mode", expected=", ".join(f"`{one}`" for one in modes))
    if mode == "profile" and not profiles:
        raise refused("http.parameter-missing", name="profile")
    for url in profiles:
        if engine().converter.definitions.structure(url) is None:
            raise refused("http.unknown-profile", profile=url)
    if mode == "delete":
        return Asked(None, profiles, mode, None)
    resource = given.object("resource") if wrapped else read
    if resource is None and mode in ("create", "update"):
        raise refused("http.parameter-missing", name="resource")
    if resource is not None and not _is_resource(resource):
        raise refused("http.not-a-resource")
    if resource is not None and expected not in (None, resource["resourceType"]):
        raise refused("http.wrong-type", expected=expected)
    return Asked(resource, profiles, mode, None if wrapped else body())


def _is_resource(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str)


def _judged(resource: Json, profiles: list[str], text: bytes | None, options: Options | None = None) -> list[Issue]:
    chosen = options or Options(today=today())
    return engine().converter.validator.validate(resource, profiles, text, chosen)


def _same_id(resource: Json, id_: str) -> list[Issue]:
    return [] if resource.get("id", id_) == id_ else [issue("store.id-mismatch", id=id_, pointer="/id")]


def _kept_one(type_name: str, id_: str, asked: Asked) -> list[Issue]:
    """What is wrong with the resource as it is kept; ends the request where the caller can know of none."""
    may("r", type_name)
    if type_name == audit_events.TYPE:
        shown = audit_events.one(id_)
        return _judged(shown, asked.profiles, encode(shown))
    found = there(store().read(type_name, id_, caller().who), type_name)
    auditing.use().touch(found)
    return _judged(found.resource(), asked.profiles, found.body)


def _change(type_name: str, id_: str, asked: Asked, resource: Json) -> list[Issue]:
    """Whether `resource` could be written to this id: as something new, or over what is there."""
    may("u" if asked.mode == "update" else "c", known(type_name, writes=True))
    found = _judged(resource, asked.profiles, asked.text, kept())
    if "id" not in resource:
        found = [issue("http.id-missing", id=id_), *found]
    if has_errors(found):
        return found
    conditions = {"if_match": request.headers.get("If-Match")} if asked.mode == "update" else {"if_none_match": "*"}
    return [*_tried(lambda tx: writing.update(tx, type_name, id_, resource, **conditions)), *found]


def _deletion(type_name: str, id_: str) -> list[Issue]:
    """Whether the resource could be deleted; ends the request where the caller can know of none."""
    may("d", known(type_name, writes=True))
    found = there(store().read(type_name, id_, caller().who), type_name)
    auditing.use().touch(found)
    match = request.headers.get("If-Match")
    return _tried(lambda tx: writing.remove(tx, type_name, id_, if_match=match))


class _Tried(Exception):
    """Ends a transaction that was only tried, so that nothing of it is kept."""


def _tried(work: Callable[[Writing], Written]) -> list[Issue]:
    """Why `work` would be refused; nothing where it would be done. It is done, and undone."""

    def undone(tx: Writing) -> None:
        work(tx)
        raise _Tried

    by = caller()
    try:
        store().write(by.author, by.who, undone)
    except _Tried:
        return []
    except StoreError as error:
        if any(one.key == "store.busy" for one in error.issues):
            raise
        return list(error.issues)
    return []
