"""transaction and batch: many interactions in one Bundle, all or none, or each by itself.

https://hl7.org/fhir/R4/http.html#transaction
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response

from service.api import auditing, bundles
from service.api.answers import body, fhir_wanted, language
from service.api.caller import caller, may
from service.api.context import store
from service.api.engine import engine
from service.api.errors import Refused, refused, status_of
from service.api.interactions import Interaction
from service.api.parameters import read_body
from service.api.patch import in_bundle
from service.api.rest import kept, known, location, pairs_of, prefer, problems, proposed, unserved
from service.api.search import permitted
from service.issues import Issue, has_errors, outcome
from service.store import Stored, StoreError
from service.store import transaction as transactions
from service.store.entries import Entry, read_entries, read_entry
from service.store.reading import HistoryPage
from service.store.search import Found
from service.store.transaction import Result

INTERACTIONS = (
    Interaction("transaction", level="system", writes=True),
    Interaction("batch", level="system", writes=True),
)
_LETTERS = {"POST": "c", "PUT": "u", "PATCH": "u", "DELETE": "d"}
Json = dict[str, Any]

blueprint = Blueprint("transaction", __name__)


@blueprint.post("/fhir")
def transaction() -> Response:
    auditing.begin("transaction", "E")
    mimetype = fhir_wanted()
    bundle = read_body()
    if not isinstance(bundle, dict) or not isinstance(bundle.get("resourceType"), str):
        raise refused("http.not-a-resource")
    if bundle["resourceType"] != "Bundle" or bundle.get("type") not in ("transaction", "batch"):
        raise refused("store.bundle")
    if bundle["type"] == "batch":
        auditing.begin("batch", "E")
        results = _batch(bundle)
    else:
        results = _transaction(bundle)
    made = {"resourceType": "Bundle", "type": f"{bundle['type']}-response"}
    entries = [_entry(one) for one in results]
    return bundles.send(made | ({"entry": entries} if entries else {}), mimetype)


def _transaction(bundle: Json) -> list[Result]:
    base_urls = store().parameters.base_urls
    for entry in read_entries(bundle, base_urls):
        _permitted(entry)
    found = engine().converter.validator.validate(bundle, text=body(), options=kept())
    if not has_errors(found):
        found = [
            replace(one, pointer=f"/entry/{index}/resource{one.pointer or ''}")
            for index, entry in enumerate(bundle.get("entry", ()))
            if "resource" in entry
            for one in unserved(entry["resource"])
        ]
    if has_errors(found):
        raise Refused(found, 422)
    return auditing.write(lambda tx: transactions.run(tx, bundle, in_bundle), lambda done: _touched(done))


def _batch(bundle: Json) -> list[Result]:
    """Each entry that may be carried out, by itself; of the others, why not."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise refused("store.bundle")
    failed: dict[int, Result] = {}
    for index, one in enumerate(entries):
        issues = _unfit(one, f"/entry/{index}")
        if issues:
            failed[index] = Result("", issues=tuple(issues))
    good = [index for index in range(len(entries)) if index not in failed]
    by = caller()
    done = store().batch({**bundle, "entry": [entries[index] for index in good]}, by.author, by.who, in_bundle)
    auditing.use().touch(*_touched(done))
    results = {index: _placed(one, at, index) for at, (index, one) in enumerate(zip(good, done, strict=True))}
    results |= failed
    return [results[index] for index in range(len(entries))]


def _unfit(entry: Any, pointer: str) -> list[Issue]:
    """Why an entry of a batch cannot be carried out; nothing where it can be tried."""
    try:
        read = read_entry(entry, pointer, store().parameters.base_urls)
        _permitted(read)
    except StoreError as error:
        return list(error.issues)
    except Refused as error:
        return error.issues
    if read.method not in ("POST", "PUT") or read.resource is None:
        return []
    return [
        replace(one, pointer=f"{pointer}/resource{one.pointer or ''}", line=None, column=None)
        for one in problems(read.resource)
    ]


def _permitted(entry: Entry) -> None:
    """End the request where the caller may not do what the entry asks."""
    try:
        for text in (entry.query, (entry.if_none_exist or "").lstrip("?")):
            pairs_of(text)
        if entry.method in _LETTERS:
            may(_LETTERS[entry.method], known(entry.type, writes=True))
            if entry.query or entry.if_none_exist:
                may("s", entry.type)
        else:
            letter = "s" if entry.id is None and not entry.history else "r"
            may(letter, known(entry.type) if entry.type else "*")
    except (Refused, StoreError) as error:
        at = f"{entry.pointer}/request"
        raise Refused([replace(one, pointer=at) for one in error.issues], status_of(error.issues)) from None


def _placed(one: Result, at: int, index: int) -> Result:
    """The same result, its issues with the entry's place in the Bundle that was sent."""
    start = f"/entry/{at}"
    issues = (
        replace(found, pointer=f"/entry/{index}{found.pointer.removeprefix(start)}")
        if found.pointer and found.pointer.startswith(start)
        else found
        for found in one.issues
    )
    return replace(one, issues=tuple(issues))


def _touched(results: Iterable[Result]) -> list[Stored]:
    found: list[Stored] = []
    for one in results:
        if one.written is not None and one.written.stored is not None:
            found.append(one.written.stored)
        if isinstance(one.found, Stored):
            found.append(one.found)
        elif isinstance(one.found, HistoryPage | Found):
            found += one.found.entries
    return found


def _entry(result: Result) -> Json:
    if result.issues:
        return {"response": {"status": _status(status_of(result.issues)), "outcome": _outcome(result.issues)}}
    if isinstance(result.found, Stored):
        one = result.found
        return {"resource": bundles.exact(one), "response": {"status": _status(200), **_version(one)}}
    if isinstance(result.found, Found):
        page = permitted(result.found)
        bundle = bundles.searchset(page, page.query.type, page.query.used, page.issues)
        return {"resource": bundle, "response": {"status": _status(200)}}
    if isinstance(result.found, HistoryPage):
        # No links to further pages: the address is the entry's own.
        bundle = bundles.history(replace(result.found, next=None), "_history", ())
        return {"resource": bundle, "response": {"status": _status(200)}}
    return _written(result)


def _written(result: Result) -> Json:
    done = result.written
    if done is not None and done.status == "proposed":
        return {"response": {"status": _status(202), "outcome": _outcome([proposed(done)])}}
    one = None if done is None else done.stored
    if done is None or one is None or done.status in ("deleted", "absent"):
        return {"response": {"status": _status(204)} | ({} if one is None else {"etag": one.etag})}
    response: Json = {
        "status": _status(201 if done.status == "created" else 200),
        "location": location(one),
    } | _version(one)
    if prefer("return") == "OperationOutcome":
        response["outcome"] = _outcome(())
    entry: Json = {"fullUrl": location(one).partition("/_history")[0]}
    if prefer("return") == "representation":
        entry["resource"] = bundles.exact(one)
    return entry | {"response": response}


def _version(one: Stored) -> Json:
    return {"etag": one.etag, "lastModified": one.last_updated}


def _outcome(issues: Sequence[Issue]) -> Json:
    return outcome(issues, language())


def _status(number: int) -> str:
    return f"{number} {HTTPStatus(number).phrase}"
