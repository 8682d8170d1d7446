"""A print of a stored plan on the command line: the operator sees everything, and the use log says so."""

import getpass
from typing import Any

from service.api.auditing import Use
from service.cli.failures import CouldNotRun
from service.clock import now
from service.config import Settings
from service.fhir.definitions import core
from service.issues import Issue, issue
from service.print.face import language_of
from service.print.stored import Held, held
from service.store import EVERYTHING, Store, open_store
from service.store.audit import Detail, Event, record

CLIENT = "command-line"
_SHEETS = {"child": "child", "archive": "archive", "copy_of": "copy"}


def stored(id_: str, chosen: Settings, options: dict[str, Any]) -> tuple[list[Issue], bytes]:
    """What the paper of the plan lacks, and the paper. `CouldNotRun` where there is no such plan; `PrintError`."""
    store = open_store(chosen.database, chosen.data, core())
    try:
        plan = store.read("CarePlan", id_, EVERYTHING)
        if plan is None or plan.deleted:
            key = "store.not-found" if plan is None else "store.deleted"
            raise CouldNotRun(issue(key, type="CarePlan"))
        found = held(store, plan, EVERYTHING)
        language = options["language"] or language_of(plan.resource())
        moment = now()
        paper = found.paper(now=moment, **options | {"language": language})
        lacking = found.missing(now=moment)
        _log(store, found, "; ".join(_told(options | {"language": language})))
    finally:
        store.close()
    return lacking, paper


def _told(options: dict[str, Any]) -> list[str]:
    sheets = [shown for name, shown in _SHEETS.items() if options[name]]
    return ["CarePlan/$print", options["language"], options["format"], *sheets]


def _log(store: Store, found: Held, description: str) -> None:
    """A paper that could not be logged does not leave."""
    use = Use()
    use.touch(*found.shown)
    detail = Detail("print", tuple(use.entities), tuple(use.patients), user=_user(), description=description)
    store.database.write(lambda connection: record(connection, [Event(CLIENT, "", "E", "0", detail)], store.clock()))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # A container may run as a number without a name.
