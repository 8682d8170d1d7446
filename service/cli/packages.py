"""`yhdessa packages`: the FHIR packages of this installation. https://hl7.org/fhir/packages.html"""

from pathlib import Path
from typing import Any

import click

from service.cli.engine import settings
from service.cli.failures import CouldNotRun
from service.cli.output import JSON, report
from service.fhir.json import pretty
from service.issues import issue, outcome

FOLDER = click.option(
    "--packages",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of packages.  [default: YHDESSA_PACKAGES]",
)


@click.group()
def command() -> None:
    """List, show and add FHIR packages."""


@command.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@FOLDER
@JSON
def add(files: tuple[Path, ...], folder: Path | None, as_json: bool) -> None:
    """Copy packages (`.tgz`) into the folder of packages; nothing is written where one cannot be used."""
    from service.fhir.packages import add_package, read_package, summary

    chosen = settings(packages=folder)
    for file in files:
        read_package(file)
    rows = []
    for file in files:
        added = add_package(file, chosen.package_folder)
        report(str(file), added.issues, as_json=False, language=chosen.language)
        rows += [summary(package) for package in added.packages]
    _show(rows, as_json)


@command.command(name="list")
@FOLDER
@JSON
def list_command(folder: Path | None, as_json: bool) -> None:
    """The packages of the folder, with what is wrong with them."""
    from service.fhir.packages import list_packages

    chosen = settings(packages=folder)
    rows = list_packages(chosen.package_folder)
    for row in rows:
        issues = row.pop("issues")
        report(row["file"], issues, as_json=False, language=chosen.language)
        if issues:
            row["outcome"] = outcome(issues, chosen.language)
    _show(rows, as_json)
    raise SystemExit(1 if any("outcome" in row for row in rows) else 0)


@command.command()
@click.argument("name")
@FOLDER
@JSON
def show(name: str, folder: Path | None, as_json: bool) -> None:
    """What is in a package: NAME is `name`, `name#version`, or a `.tgz` file."""
    from service.fhir.packages import load_packages, read_package, show_package

    chosen = settings(packages=folder)
    there = load_packages(chosen.package_folder).packages if chosen.package_folder.is_dir() else ()
    if Path(name).is_file():
        found = [read_package(Path(name))]
    else:
        found = [one for one in there if name in (one.meta["name"], f"{one.meta['name']}#{one.meta['version']}")]
    if not found:
        names = ", ".join(f"`{one.meta['name']}#{one.meta['version']}`" for one in there) or "–"
        raise CouldNotRun(issue("cli.unknown-package", name=name, there=names))
    shown = show_package(found[-1])
    if as_json:
        click.echo(pretty(shown))
        return
    contents = shown.pop("contents")
    _show([shown], as_json=False)
    for row in contents:
        click.echo(f"  {row['kind']:<20} {row['url']}")


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(pretty(rows))
        return
    for row in rows:
        if "name" not in row:
            continue
        counts = ", ".join(f"{count} {kind}" for kind, count in row["resources"].items())
        click.echo(f"{row['name']}#{row['version']}  {row.get('title') or ''}\n  {counts}")
