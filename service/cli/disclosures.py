"""`yhdessa disclosures`: what was given of a family's data, to whom and why, in plain language."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, select

from service.cli.db import DATA, URL
from service.cli.engine import settings
from service.cli.failures import CouldNotRun
from service.cli.output import JSON
from service.cli.stored import stored
from service.cli.uselog import note
from service.clock import now
from service.deliver import printout
from service.fhir.definitions import ours
from service.fhir.json import encode
from service.issues import issue
from service.store import EVERYTHING, audit, families
from service.store.audit import Row
from service.store.reading import read
from service.store.recipients import oid
from service.store.tables import outbox

_PAGE = 500
_PARTS = "https://yhdessa.example/fhir/CodeSystem/plan-part"


@click.command()
@click.argument("whose", metavar="FAMILY|PLAN|CHILD")
@click.option(
    "--language", type=click.Choice(["fi", "sv", "en"]), help="Language of the print-out.  [default: YHDESSA_LANGUAGE]"
)
@DATA
@URL
@JSON
def command(whose: str, language: str | None, data: Path | None, database: str | None, as_json: bool) -> None:
    """Tell a family what was given to whom, and why: every disclosure and every withdrawal, the oldest first.

    FAMILY is what the source system calls the family, PLAN the id of a CarePlan, CHILD that of a Patient
    (`Patient/…`). The print-out itself is recorded in the use log.
    """
    chosen = settings(language=language, data=data, database=database)
    with stored(chosen) as store:
        with store.database.read() as connection:
            about = _about(connection, whose)
            rows = _rows(connection, about)
            names = _names(connection, rows)
        if not about:
            raise CouldNotRun(issue("deliver.no-family", given=whose))
        note(store, "R", "disclosures", entities=tuple(sorted(about)), description=chosen.language)
    shown = printout.told(rows)
    if as_json:
        for one in shown:
            click.echo(encode(printout.as_json(one, names)))
    else:
        click.echo(printout.text(shown, names, _part, chosen.language, now()))


def _about(connection: Connection, whose: str) -> set[str]:
    """The relative references of what is meant: a plan, a child, or every plan of a family."""
    kind, _, id_ = whose.rpartition("/")
    for type_name in ("CarePlan", "Patient"):
        if kind in ("", type_name) and read(connection, type_name, id_, EVERYTHING) is not None:
            return {f"{type_name}/{id_}"}
    hashes = [families.hidden(organisation, system, whose) for organisation, system in families.systems(connection)]
    statement = select(outbox.c.reference).where(outbox.c.family.in_([*hashes, whose])).distinct()
    return {row.reference for row in connection.execute(statement)}


def _rows(connection: Connection, about: Iterable[str]) -> list[Row]:
    """The rows of the use log that tell of disclosures of any of these, each once."""
    found: dict[int, Row] = {}
    for reference in sorted(about):
        before: int | None = None
        while True:
            some = audit.find(connection, reference=reference, before=before, count=_PAGE)
            found |= {row.seq: row for row in some if row.event().detail.interaction in printout.INTERACTIONS}
            if len(some) < _PAGE:
                break
            before = some[-1].seq
    return [found[seq] for seq in sorted(found)]


def _names(connection: Connection, rows: Iterable[Row]) -> dict[str, str]:
    """The names of the organisations that were given along, by their OIDs."""
    named = {one for row in rows for one in row.event().detail.entities if one.startswith("Organization/")}
    found: dict[str, str] = {}
    for reference in sorted(named):
        stored = read(connection, "Organization", reference.partition("/")[2], EVERYTHING)
        if stored is not None and not stored.deleted:
            content = stored.resource()
            found[oid(content)] = str(content.get("name", ""))
    return {number: name for number, name in found.items() if name}


def _part(code: str, language: str) -> str:
    """The name of a part of a plan."""
    system = ours().get("CodeSystem", _PARTS) or {}
    concept: dict[str, Any] = next((one for one in system.get("concept", ()) if one["code"] == code), {})
    told = (one["value"] for one in concept.get("designation", ()) if one.get("language") == language)
    return str(next(told, concept.get("display", code)))
