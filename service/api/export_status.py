"""How far an export is, its manifest, and its end: the address that `Content-Location` gives.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#bulk-data-status-request
"""

from email.utils import formatdate
from pathlib import Path

from flask import Blueprint, Response, current_app

from service.api import auditing
from service.api.answers import JSON, answer, fhir, language, wanted
from service.api.caller import caller
from service.api.context import root, store
from service.api.errors import Refused, refused
from service.api.scopes import covers
from service.export import files, jobs
from service.export.jobs import DONE, FAILED, SECOND, Job
from service.export.manifest import manifest
from service.issues import issue, outcome
from service.store.values import micros

# Less than this between two questions is too often, in microseconds.
PAUSE = SECOND // 2
SOONEST, LATEST = 1, 60

blueprint = Blueprint("export_status", __name__)


@blueprint.get("/export/<fid:id_>")
def status(id_: str) -> Response:
    auditing.begin("export-status", "R", f"export {id_}")
    job = own(id_)
    if job.state == DONE:
        return _complete(job)
    if job.state == FAILED:
        raise Refused([issue("export.failed", reason=job.reason or "")], 500)
    now = micros(store().clock())
    pause = _pause(job, now)
    if not store().database.write(lambda connection: jobs.poll(connection, id_, now, PAUSE)):
        raise refused("export.too-often", seconds=pause).with_headers({"Retry-After": str(pause)})
    response = Response(status=202)
    response.headers["X-Progress"] = progress(job)
    response.headers["Retry-After"] = str(pause)
    return response


@blueprint.delete("/export/<fid:id_>")
def delete(id_: str) -> Response:
    auditing.begin("export-delete", "D", f"export {id_}")
    job = own(id_)
    store().database.write(lambda connection: jobs.remove(connection, job.id))
    files.remove(folder(job))
    return fhir(outcome([issue("export.deleted")], language()), 202)


def own(id_: str) -> Job:
    """The job, if it is the caller's and not over; ends the request where it can know of none."""
    with store().database.read() as connection:
        job = jobs.find(connection, id_)
    by = caller()
    if job is None or (job.client, job.organisation, job.wanted.role) != (by.client, by.organisation, by.role):
        raise refused("export.job")
    if job.expires is not None and job.expires <= micros(store().clock()):
        raise refused("export.job")
    for one in job.wanted.allowed:
        if not (covers(by.scopes, one, "r") and covers(by.scopes, one, "s")):
            raise refused("auth.scope", needed=f"system/{one}.rs")
    return job


def folder(job: Job) -> Path:
    """Where its files lie."""
    settings = current_app.extensions["yhdessa"].settings
    found: Path = settings.export_folder / job.id
    return found


def progress(job: Job) -> str:
    """Less than a hundred characters that say how far it is."""
    if job.state != jobs.RUNNING or not job.total:
        return "waiting" if job.state != jobs.RUNNING else "in progress"
    return f"{min(99, job.done * 100 // job.total)}% complete, {job.done} resources"


def _pause(job: Job, now: int) -> int:
    """After how many seconds to ask again: the longer it takes, the more."""
    return max(SOONEST, min(LATEST, (now - job.created) // (10 * SECOND)))


def _complete(job: Job) -> Response:
    if wanted(JSON, "application/fhir+json") is None:
        raise refused("http.not-acceptable", possible=JSON)
    with store().database.read() as connection:
        parts, found = jobs.parts(connection, job.id), jobs.files(connection, job.id)
    made = manifest(job, parts, found, lambda name: f"{root()}/export/{job.id}/{name}")
    response = answer(made)
    response.headers["Expires"] = formatdate((job.expires or 0) / SECOND, usegmt=True)
    return response
