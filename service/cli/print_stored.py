"""A print of a stored plan on the command line: the operator sees everything, and the use log says so."""

from typing import Any

from service.api.use import Use
from service.cli.failures import CouldNotRun
from service.cli.stored import stored
from service.cli.uselog import note
from service.clock import now
from service.config import Settings
from service.issues import Issue, issue
from service.print.face import language_of
from service.print.stored import Held, held
from service.store import EVERYTHING, Store

_SHEETS = {"child": "child", "archive": "archive", "copy_of": "copy"}


def paper(id_: str, chosen: Settings, options: dict[str, Any]) -> tuple[list[Issue], bytes]:
    """What the paper of the plan lacks, and the paper. `CouldNotRun` where there is no such plan; `PrintError`."""
    with stored(chosen) as store:
        plan = store.read("CarePlan", id_, EVERYTHING)
        if plan is None or plan.deleted:
            key = "store.not-found" if plan is None else "store.deleted"
            raise CouldNotRun(issue(key, type="CarePlan"))
        found = held(store, plan, EVERYTHING)
        language = options["language"] or language_of(plan.resource())
        moment = now()
        made = found.paper(now=moment, **options | {"language": language})
        lacking = found.missing(now=moment)
        _log(store, found, "; ".join(_told(options | {"language": language})))
    return lacking, made


def _told(options: dict[str, Any]) -> list[str]:
    sheets = [shown for name, shown in _SHEETS.items() if options[name]]
    return ["CarePlan/$print", options["language"], options["format"], *sheets]


def _log(store: Store, found: Held, description: str) -> None:
    """A paper that could not be logged does not leave."""
    use = Use()
    use.touch(*found.shown)
    note(store, "E", "print", entities=tuple(use.entities), patients=tuple(use.patients), description=description)
