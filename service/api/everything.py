"""`$everything`: all that belongs to a patient or to a plan, as far as the caller may see it.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from typing import Any

from flask import Blueprint, Response

from service.api import auditing, bundles
from service.api.answers import fhir_wanted
from service.api.caller import caller, may
from service.api.context import store
from service.api.errors import refused
from service.api.operation_definitions import OWN
from service.api.operations import CORE, Operation
from service.api.pages import unseal
from service.api.parameters import given
from service.api.read import there
from service.api.rest import known
from service.api.scopes import covers
from service.store import Stored
from service.store.everything import everything
from service.store.query import MOST
from service.store.values import span

OPERATIONS = (
    Operation("everything", f"{CORE}Patient-everything", ("Patient",)),
    Operation("everything", f"{OWN}CarePlan-everything", ("CarePlan",)),
)
_KNOWN = {"_since": "text", "_type": "text", "_count": "number", "_page": "text"}

blueprint = Blueprint("everything", __name__)


@blueprint.route("/fhir/<any(Patient, CarePlan):type_name>/<fid:id_>/$everything", methods=["GET", "POST"])
def of_one(type_name: str, id_: str) -> Response:
    auditing.begin("everything", "E", f"{type_name}/$everything")
    may("r", known(type_name))
    mimetype = fhir_wanted()
    path = f"{type_name}/{id_}/$everything"
    wanted = given(_KNOWN)
    start, pairs = 0, tuple((name, str(value)) for name, value in wanted.items() if name != "_page")
    if "_page" in wanted:
        page = unseal(wanted["_page"], path)
        start, pairs, wanted = int(page.at), page.pairs, dict(page.pairs)
    there(store().read(type_name, id_, caller().who), type_name)
    found = gathered(type_name, id_, _types(wanted.get("_type")), _since(wanted.get("_since")))
    count = min(int(wanted.get("_count") or MOST), MOST)
    shown = found[start : start + count]
    auditing.use().touch(*shown)
    links = [bundles.link("self", path, pairs)]
    if start + count < len(found):
        links.append(bundles.next_link(path, pairs, str(start + count)))
    entries = [bundles.match(one) for one in shown]
    made: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    return bundles.send(made | ({"entry": entries} if entries else {}), mimetype)


def gathered(type_name: str, id_: str, types: tuple[str, ...] = (), since: int | None = None) -> list[Stored]:
    """All that belongs to the resource and that the caller may see and read."""
    by = caller()
    with store().database.read() as connection:
        found = everything(connection, store().parameters, (type_name, id_), by.who, types=types, since=since)
    return [one for one in found if covers(by.scopes, one.type, "r")]


def _types(text: str | None) -> tuple[str, ...]:
    return tuple(known(one.strip()) for one in text.split(",") if one.strip()) if text else ()


def _since(text: str | None) -> int | None:
    if text is None:
        return None
    times = span(text.replace(" ", "+"))
    if times is None:
        raise refused("http.parameter-value", name="_since", expected="a date or an instant")
    return times[0]
