"""What the interactions share: the type in the address, headers, and how a resource becomes an answer.

https://hl7.org/fhir/R4/http.html
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, request

from service.api.answers import FHIR, Answer, fhir, fhir_wanted, language
from service.api.call import call
from service.api.context import base
from service.api.engine import engine
from service.api.errors import Refused, refused
from service.api.interactions import NOT_KEPT, READ_ONLY
from service.api.parameters import read_body
from service.fhir.json import pretty
from service.fhir.shown import shown
from service.inbound import subscriptions
from service.issues import Issue, has_errors, issue, outcome
from service.store import Stored, Written
from service.store.query import Pair, plain
from service.validation.run import Options

_PREFER = re.compile(r"(return|handling)\s*=\s*\"?([A-Za-z-]+)\"?")
Json = dict[str, Any]


def known(type_name: str, *, writes: bool = False) -> str:
    """The type in the address; ends the request where there is none such here."""
    if engine().converter.definitions.types().get(type_name) != "resource" or type_name in NOT_KEPT:
        raise refused("http.unknown-type", type=type_name)
    if writes and type_name in READ_ONLY:
        raise refused("http.read-only", type=type_name).with_headers({"Allow": "GET, HEAD"})
    return type_name


def today() -> date:
    """The day of this request, by which limits relative to the clock go."""
    moment: datetime = call().app.extensions["yhdessa-clock"]()
    return moment.date()


def kept() -> Options:
    """How what is to be kept is judged: a profile that nobody knows here cannot be honoured."""
    return Options(unknown_profiles="error", today=today())


def prefer(name: str) -> str:
    """What `Prefer` says for `return` or `handling`; empty where it says nothing."""
    found = dict(_PREFER.findall(call().header("Prefer", "")))
    return str(found.get(name, ""))


def query_pairs() -> list[Pair]:
    """The parameters of the address in their order."""
    return pairs_of(request.query_string.decode("utf-8", "replace"))


def pairs_of(text: str) -> list[Pair]:
    """The parameters in `text`, decoded. Raises `StoreError` for characters that no resource can hold."""
    return plain(parse_qsl(text, keep_blank_values=True))


def criteria() -> list[Pair]:
    """The parameters of a conditional interaction: all but those of the answer's form."""
    return [one for one in query_pairs() if one[0] not in ("_format", "_pretty")]


def resource_of(type_name: str) -> tuple[Json, bytes | None]:
    """The resource in the body, of that type and valid, and its text. Ends the request otherwise."""
    read = read_body()
    if not isinstance(read, dict) or not isinstance(read.get("resourceType"), str):
        raise refused("http.not-a-resource")
    if read["resourceType"] != type_name:
        raise refused("http.wrong-type", expected=type_name)
    check(read, request.get_data())
    return read, request.get_data()


def check(resource: Json, text: bytes | None = None) -> None:
    """End the request where `resource` is not valid."""
    found = problems(resource, text)
    if found:
        raise Refused(found, 422)


def problems(resource: Json, text: bytes | None = None) -> list[Issue]:
    """What is wrong with a resource that is to be kept; nothing where it has no error."""
    found = engine().converter.validator.validate(resource, text=text, options=kept())
    return found if has_errors(found) else unserved(resource)


def unserved(resource: Json) -> list[Issue]:
    """Why a valid resource that asks something of this service could never be served."""
    return subscriptions.problems(resource) if resource["resourceType"] == "Subscription" else []


def location(one: Stored) -> str:
    return f"{base()}/{one.reference}/_history/{one.version}"


def stamp(response: Response, one: Stored) -> Response:
    """The headers that say which version it is."""
    response.headers.add("ETag", one.etag)
    response.headers.add("Last-Modified", formatdate(one.updated // 1_000_000, usegmt=True))
    return response


def is_known_to_caller(one: Stored) -> bool:
    """Whether the conditions of a conditional read say that the caller has this version already."""
    header = call().header
    none_match = header("If-None-Match", None)
    if none_match is not None:
        tags = {part.strip().removeprefix("W/").strip('"') for part in none_match.split(",")}
        return "*" in tags or str(one.version) in tags
    since = header("If-Modified-Since", None)
    if since is None:
        return False
    try:
        return one.last_modified.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def served(one: Stored, status: int = 200) -> Response:
    """A version as the answer: its exact bytes, where nothing of it is to be left out."""
    mimetype = fhir_wanted()
    body = one.body or b""
    summary, elements = view()
    if summary != "false" or elements:
        cut = shown(engine().converter.definitions, one.resource(), summary, elements)
        return stamp(fhir(cut, status, mimetype), one)
    text: bytes | str = body if not call().is_pretty else pretty(one.resource()) + "\n"
    return stamp(Answer(text, status, content_type=f"{mimetype}; charset=utf-8"), one)


def view() -> tuple[str, tuple[str, ...]]:
    """`_summary` and `_elements` of a read."""
    parameter = call().parameter
    summary = parameter("_summary", "false")
    if summary not in ("true", "text", "data", "false"):
        raise refused("http.parameter-value", name="_summary", expected="`true`, `text`, `data` or `false`")
    return summary, tuple(one for one in parameter("_elements", "").split(",") if one)


def written(done: Written, issues: Sequence[Issue] = ()) -> Response:
    """The answer to a write, as `Prefer` wants it; of what the caller may not see, only that it was done."""
    fhir_wanted()
    one = done.stored
    if done.status == "proposed":
        return fhir(outcome([*issues, proposed(done)], language()), 202, fhir_wanted())
    if one is None:
        return fhir(outcome(issues, language()))
    status = 201 if done.status == "created" else 200
    wanted = prefer("return")
    if wanted == "minimal":
        response = stamp(Response(b"", status, content_type=f"{FHIR}; charset=utf-8"), one)
    elif wanted == "OperationOutcome":
        response = stamp(fhir(outcome(issues, language()), status, fhir_wanted()), one)
    else:
        response = served(one, status)
    if done.status in ("created", "updated", "unchanged"):
        response.headers["Location"] = location(one)
    return response


def proposed(done: Written) -> Issue:
    """What the sender of an answer is told that was kept beside another organisation's resource."""
    return issue("inbound.proposed", id=done.answer)
