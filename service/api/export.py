"""`$export`: begin a bulk export of everything, of all patients, or of the patients of a group.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#bulk-data-kick-off-request
"""

import re
import uuid

from flask import Blueprint, Response, current_app, request

from service.api import auditing
from service.api.answers import fhir, fhir_wanted, language
from service.api.caller import caller
from service.api.context import root, store
from service.api.errors import refused
from service.api.export_parameters import Kickoff, read
from service.api.operations import Operation
from service.export import groups, jobs, members
from service.export.compartments import Compartments
from service.export.jobs import Job
from service.export.snapshot import Cut, among, take
from service.export.wanted import Level, Wanted
from service.export.worker import Worker
from service.issues import issue, outcome
from service.store.values import END, micros

DEFINITION = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
INSTANTIATES = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
OPERATIONS = (
    Operation("export", f"{DEFINITION}export"),
    Operation("export", f"{DEFINITION}patient-export", ("Patient",)),
    Operation("export", f"{DEFINITION}group-export", ("Group",)),
)
# How many exports a client may have that are not done, and after how many seconds it may try again.
MOST, AGAIN = 5, 30

blueprint = Blueprint("export", __name__)


@blueprint.route("/fhir/$export", methods=["GET", "POST"])
def everything() -> Response:
    return _begin("system", "")


@blueprint.route("/fhir/Patient/$export", methods=["GET", "POST"])
def patients() -> Response:
    return _begin("patient", "")


@blueprint.route("/fhir/Group/<fid:id_>/$export", methods=["GET", "POST"])
def group(id_: str) -> Response:
    return _begin("group", id_)


def _begin(level: Level, group_id: str) -> Response:
    auditing.begin("export", "E", f"{level} export{f' of Group/{group_id}' if group_id else ''}")
    by = caller()
    if not any("r" in one.letters and "s" in one.letters for one in by.scopes):
        raise refused("auth.scope", needed="system/*.rs")
    fhir_wanted()
    preferences = re.split(r"[,;\s]+", request.headers.get("Prefer", "").lower())
    if "respond-async" not in preferences:
        raise refused("export.prefer")
    kickoff = Kickoff(level, group_id, _url())
    wanted = read(kickoff, Compartments(store().parameters))
    if group_id:
        _there(group_id, wanted)
    with store().database.read() as connection:
        count = jobs.unfinished(connection, by.client)
    if count >= MOST:
        raise refused("export.too-many", count=count).with_headers({"Retry-After": str(AGAIN)})
    job = _job(wanted)
    store().database.write(lambda connection: jobs.begin(connection, job))
    worker: Worker | None = current_app.extensions.get("yhdessa-exports")
    if worker is not None:
        worker.wake()
    issues = [issue("export.begun"), *(one.issue for one in wanted.notes)]
    response = fhir(outcome(issues, language()), 202, fhir_wanted())
    response.headers["Content-Location"] = f"{root()}/export/{job.id}"
    return response


def _url() -> str:
    """The address that was called, as this service is known to its clients."""
    query = request.query_string.decode("ascii", "replace")
    path = request.path.replace("%24", "$")
    return f"{root()}{path}{f'?{query}' if query else ''}"


def _there(group_id: str, wanted: Wanted) -> None:
    """End the request where the caller can know of no such group."""
    with store().database.read() as connection:
        kept = among(connection, "Group", [group_id], Cut(END, who=wanted.who))
    made = groups.read_id(group_id)
    if not kept and (made is None or made not in groups.catalogue(store().database).groups(wanted.who)):
        raise refused("export.group", id=group_id)


def _job(wanted: Wanted) -> Job:
    """The job with its moment: everything that is committed now is in it, nothing after."""
    by = caller()
    at = take(store())
    if wanted.patients:
        absent = members.missing(store(), wanted, at)
        if absent:
            raise refused("export.patient", reference=absent[0])
    now = micros(store().clock())
    id_ = uuid.uuid4().hex
    return Job(id_, by.client, by.organisation, jobs.WAITING, wanted, at, now, 0, 0, 0, None, None)
