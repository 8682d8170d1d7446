"""`yhdessa receivers`: who gets plans, and whether they can be reached."""

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.db import DATA
from service.cli.engine import settings
from service.cli.failures import CouldNotRun
from service.cli.output import JSON, LANGUAGE, line, report
from service.fhir.json import encode, pretty
from service.issues import Issue, issue, outcome

if TYPE_CHECKING:
    from service.deliver.receivers.base import ReceiverSettings

RECEIVERS = click.option(
    "--receivers",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with the receivers' files.  [default: YHDESSA_RECEIVERS, else `receivers` in the data folder]",
)
_AT_ONCE = 8


@click.group()
def command() -> None:
    """Who gets plans, and whether they can be reached."""


@command.command(name="list")
@DATA
@RECEIVERS
@JSON
def list_command(data: Path | None, receivers: Path | None, as_json: bool) -> None:
    """Every receiver that has a file; files that cannot be used are told on standard error."""
    found, problems = _loaded(data, receivers)
    rows = [_row(one) for one in found]
    if as_json:
        click.echo(pretty(rows))
    for row in () if as_json else rows:
        click.echo(f"{row['name']}  {row['kind']}  {row['sector']}  {row['organisation']}  {row['url']}")
    _told(problems, as_json=as_json)
    raise SystemExit(1 if problems else 0)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@DATA
@RECEIVERS
@JSON
@LANGUAGE
def check(names: tuple[str, ...], data: Path | None, receivers: Path | None, as_json: bool, lang: str | None) -> None:
    """Reach every receiver, or those named, and say what would keep plans from arriving; nothing is delivered.

    Exit code 1 where something would.
    """
    found, problems = _loaded(data, receivers)
    chosen = _chosen(found, names)
    _told(problems, as_json=as_json, language=lang)
    failed = bool(problems)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for one, issues in zip(chosen, pool.map(_checked, chosen), strict=True):
            failed = failed or not _fine(issues)
            _show(one.name, issues, as_json=as_json, language=lang)
    raise SystemExit(1 if failed else 0)


def _checked(one: "ReceiverSettings") -> list[Issue]:
    from service.deliver.receivers import make
    from service.deliver.receivers.base import TransportError

    try:
        receiver = make(one)
        with contextlib.closing(receiver.connect()) as session:
            return receiver.check(session)
    except TransportError as error:
        return [error.issue]


def _fine(issues: Sequence[Issue]) -> bool:
    # What a worker would try again later is only a warning, and still no plan arrives.
    return all(one.severity == "information" for one in issues)


def _show(name: str, issues: Sequence[Issue], *, as_json: bool, language: str | None) -> None:
    from service.cli.failures import spoken

    if as_json:
        click.echo(encode({"receiver": name, "ok": _fine(issues), "outcome": outcome(issues, language or spoken())}))
        return
    for found in issues or [issue("receivers.fine")]:
        click.echo(line(name, found, language or spoken()))


def _loaded(data: Path | None, receivers: Path | None) -> "tuple[list[ReceiverSettings], list[Issue]]":
    from service.deliver.settings import load

    folder = settings(data=data, receivers=receivers).receiver_folder
    found, problems = load(folder)
    if not found and not problems:
        raise CouldNotRun(issue("deliver.no-receivers", folder=folder))
    return found, problems


def _chosen(found: "list[ReceiverSettings]", names: tuple[str, ...]) -> "list[ReceiverSettings]":
    known = {one.name: one for one in found}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CouldNotRun(issue("deliver.unknown-receiver", name=unknown[0], known=", ".join(known) or "–"))
    return [known[name] for name in names] if names else found


def _told(problems: Sequence[Issue], *, as_json: bool, language: str | None = None) -> None:
    if as_json:
        report("receivers", problems, as_json=True, language=language)
        return
    for found in problems:
        report(found.where or "receivers", [found], as_json=False, language=language)


def _row(one: "ReceiverSettings") -> dict[str, Any]:
    return {
        "name": one.name,
        "organisation": one.organisation,
        "sector": one.sector,
        "kind": one.kind,
        "url": one.url,
        "auth": one.auth.kind,
    }
