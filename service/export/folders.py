"""One export into a folder that somebody named: its files, and `manifest.json` last."""

import json
import os
import uuid
from pathlib import Path

from sqlalchemy import Connection

from service.export import jobs
from service.export.jobs import DONE, Job
from service.export.manifest import manifest
from service.export.runner import Runner
from service.export.snapshot import take
from service.export.wanted import Wanted
from service.store.audit import Detail, Event, record

MANIFEST = "manifest.json"


def write(runner: Runner, wanted: Wanted, mark: str, user: str) -> int | None:
    """Write what is wanted and give how many resources that are; None where another process is at it.

    The file `mark` in the folder names the job until it is done, so that it can be gone on with. `user` is who the use
    log says has begun it. Raises `OSError`.
    """
    folder, store = runner.folder, runner.store
    folder.mkdir(parents=True, exist_ok=True)
    id_ = _begun(runner, folder / mark, wanted, user)
    job = store.database.write(lambda connection: jobs.claim_one(connection, id_, runner.owner, runner.now))
    if job is not None:
        runner.run(job)
    with store.database.read() as connection:
        job = jobs.find(connection, id_)
        if job is None or job.state != DONE:
            return None
        parts, files = jobs.parts(connection, id_), jobs.files(connection, id_)
    _replace(folder / MANIFEST, json.dumps(manifest(job, parts, files, str), indent=2) + "\n")
    store.database.write(lambda connection: jobs.remove(connection, id_))
    (folder / mark).unlink(missing_ok=True)
    return sum(one.count for one in files if one.part != 0)


def _begun(runner: Runner, mark: Path, wanted: Wanted, user: str) -> str:
    """The job of the folder: the one that was not finished, or a new one."""
    store = runner.store
    if mark.exists():
        known = mark.read_text("utf-8").strip()
        with store.database.read() as connection:
            job = jobs.find(connection, known)
        if job is not None and job.wanted == wanted:
            return known
    id_ = uuid.uuid4().hex
    now = runner.now
    job = Job(id_, jobs.COMMAND, "", jobs.WAITING, wanted, take(store), now, 0, 0, 0, None, None)
    detail = Detail("export", description=f"{wanted.level} export into a folder", user=user)

    def begin(connection: Connection) -> None:
        jobs.begin(connection, job)
        record(connection, [Event(jobs.COMMAND, "", "E", "0", detail)], store.clock())

    store.database.write(begin)
    _replace(mark, id_)
    return id_


def _replace(file: Path, text: str) -> None:
    beside = file.with_name(f"{file.name}.part")
    with beside.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.rename(file)
