"""`yhdessa policy`: what each sector may get, and what of one plan would go to one recipient, and why."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.db import DATA, URL
from service.cli.engine import converter, settings
from service.cli.failures import CouldNotRun
from service.cli.inputs import Text, read
from service.cli.output import JSON, LANGUAGE, report
from service.clock import HELSINKI, now
from service.fhir.json import parse, pretty
from service.fhir.reading import objects, part, string
from service.issues import issue

if TYPE_CHECKING:
    from service.policy import Policy

Json = dict[str, Any]
POLICIES = click.option(
    "--policies",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with a region's own policies.  [default: YHDESSA_POLICIES, else those of the program]",
)
_ID = re.compile(r"(?:CarePlan/)?([A-Za-z0-9\-.]{1,64})")


@click.group()
def command() -> None:
    """Show what each sector may get, and what of a plan would go, and why."""


@command.command()
@click.argument("sectors", metavar="[SECTOR]…", nargs=-1)
@POLICIES
@JSON
@LANGUAGE
def show(sectors: tuple[str, ...], policies: Path | None, as_json: bool, lang: str | None) -> None:
    """What recipients of a sector may get at most, in words; without SECTOR, of every one.

    The files themselves say the same with reasons: see the folder `schemas/policy`. Exit code 3: a file has a mistake.
    """
    from service.policy.explain import policy_table, shown

    chosen = settings(language=lang, policies=policies)
    policy = _policy(chosen.policies)
    for name in sectors:
        if name not in policy.sectors:
            raise click.BadParameter(f"{name!r} is none of: {', '.join(policy.sectors)}.", param_hint="SECTOR")
    wanted = [one for name, one in policy.sectors.items() if not sectors or name in sectors]
    if as_json:
        click.echo(pretty([policy_table(one) for one in wanted]))
        return
    names = _part_names()
    click.echo("\n\n".join("\n".join(shown(one, names, chosen.language)) for one in wanted))


@command.command()
@click.argument("what", metavar="FILE|ID")
@click.option("--recipient", required=True, metavar="OID", help="Organisation that would get it.")
@click.option("--sector", help="Its sector.  [default: what the case says of it]")
@click.option("--plan", metavar="ID", help="Which CarePlan, where FILE holds several: its id or identifier.")
@click.option("--at", metavar="TIME", help="Moment to decide for, as 2026-01-31T12:00.  [default: now]")
@click.option("--bundle", "with_bundle", is_flag=True, help="Give what would go, too (FHIR); implies --json.")
@POLICIES
@DATA
@URL
@JSON
@LANGUAGE
def explain(
    what: str,
    recipient: str,
    sector: str | None,
    plan: str | None,
    at: str | None,
    with_bundle: bool,
    policies: Path | None,
    data: Path | None,
    database: str | None,
    as_json: bool,
    lang: str | None,
) -> None:
    """Say what of a plan would go to a recipient, on what basis, and for everything why it goes or stays.

    FILE is a Bundle with the plan, what belongs to it and the permissions, or a source document; `-` is standard input.
    ID is that of a CarePlan in the store; that somebody looked is recorded in the use log. Nothing is sent. Exit code
    1: nothing may go.
    """
    from service.policy import Permitted, Recipient, may
    from service.policy.explain import lines, table
    from service.print.face import narrative

    chosen = settings(language=lang, data=data, database=database, policies=policies)
    moment = _moment(at)
    case = _stored(what, chosen) if _is_stored(what, chosen, data, database) else _given(what, plan, chosen)
    bare = recipient.removeprefix("urn:oid:")
    to = Recipient(bare, sector or _sector(case, bare))
    permissions = [one for one in _resources(case) if one.get("resourceType") == "Consent"]
    engine = converter(chosen)
    found = may(
        to,
        case,
        permissions,
        moment,
        policy=_policy(chosen.policies),
        narrator=narrative,
        validator=engine.validator,
    )
    if as_json or with_bundle:
        bundle = {"bundle": found.bundle} if with_bundle and isinstance(found, Permitted) else {}
        click.echo(pretty(table(found, chosen.language) | bundle))
    else:
        click.echo("\n".join(lines(found, chosen.language)))
    raise SystemExit(0 if isinstance(found, Permitted) else 1)


def _policy(folder: Path | None) -> "Policy":
    from service.policy import Policy

    return Policy.load(folder)


def _part_names() -> dict[str, dict[str, str]]:
    """What the parts of a plan are called, in their order."""
    from service.fhir.definitions import ours

    found = ours().code_system("https://yhdessa.example/fhir/CodeSystem/plan-part") or {}
    return {
        one["code"]: {"fi": one["display"]} | {row["language"]: row["value"] for row in objects(one, "designation")}
        for one in found["concept"]
    }


def _moment(at: str | None) -> datetime:
    if at is None:
        return now()
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        raise click.BadParameter(f"{at!r} is no date and time.", param_hint="--at") from None
    return found if found.tzinfo else found.replace(tzinfo=HELSINKI)


def _sector(case: Json, recipient: str) -> str:
    from service.policy.case import Case, sector_of

    found = sector_of(Case(case).organisation(recipient))
    if not found:
        raise CouldNotRun(issue("policy.which-sector", recipient=recipient))
    return found


def _resources(case: Json) -> list[Json]:
    return [part(entry, "resource") for entry in objects(case, "entry")]


def _is_stored(what: str, chosen: Any, data: Path | None, database: str | None) -> bool:
    from service.store.engine import FILE

    if what == "-" or not _ID.fullmatch(what):
        return False
    return bool(data or database) or (
        not Path(what).exists() and bool(chosen.database or (chosen.data / FILE).exists())
    )


def _given(what: str, wanted: str | None, chosen: Any) -> Json:
    """The case in FILE, the plan first."""
    texts = list(read([what]))
    if len(texts) != 1:
        raise click.BadParameter(f"{what!r} holds {len(texts)} documents; give one.", param_hint="FILE")
    every = _resources(_fhir(texts[0], chosen))
    plans = [one for one in every if one.get("resourceType") == "CarePlan"]
    named = [one for one in plans if wanted is None or wanted.removeprefix("CarePlan/") in _names(one)]
    if not named:
        raise CouldNotRun(issue("policy.no-plan"))
    if len(named) > 1:
        raise CouldNotRun(issue("policy.which-plan", there=", ".join(string(one, "id") for one in named)))
    rest = [one for one in every if one is not named[0]]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (named[0], *rest)]}


def _names(plan: Json) -> set[str]:
    return {string(plan, "id"), *(string(one, "value") for one in objects(plan, "identifier"))}


def _fhir(text: Text, chosen: Any) -> Any:
    given = parse(text.data)
    if not isinstance(given, dict) or "resourceType" in given:
        return given
    made = converter(chosen).convert_text(text.data)
    report(text.name, text.at(made.issues), as_json=False, language=chosen.language)
    if made.bundle is None:
        raise SystemExit(1)
    return made.bundle


def _stored(what: str, chosen: Any) -> Json:
    """The case of a plan in the store; that it was looked at is in the use log."""
    from service.cli.stored import stored
    from service.cli.uselog import note
    from service.store.belonging import belonging

    named = _ID.fullmatch(what)
    id_ = named[1] if named else what
    with stored(chosen) as store:
        with store.database.read() as connection:
            held = belonging(connection, [id_]).get(id_)
        if held is None:
            raise CouldNotRun(issue("store.not-found", type="CarePlan"))
        every = [held.plan, *held.others]
        patients = tuple(one.reference for one in every if one.type == "Patient")
        entities = tuple(one.reference for one in every)
        note(store, "E", "policy", entities=entities, patients=patients, description="explain")
        entries = [{"resource": parse(one.body)} for one in every if one.body]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}
