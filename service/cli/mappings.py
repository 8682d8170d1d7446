"""`yhdessa mappings`: the mapping variants of this installation."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import cases, coverage, variants
from service.cli.engine import MAPPINGS, converter, settings
from service.cli.failures import CouldNotRun
from service.cli.output import JSON
from service.fhir.json import pretty
from service.issues import issue

if TYPE_CHECKING:
    from service.mapping.catalogue import Variant
    from service.pipeline import Converter


@click.group()
def command() -> None:
    """List, show, test, compare and start mapping variants."""


command.add_command(cases.test)
command.add_command(coverage.coverage)
command.add_command(variants.new)
command.add_command(variants.diff)


@command.command(name="list")
@MAPPINGS
@JSON
def list_command(mappings: tuple[Path, ...], as_json: bool) -> None:
    """The variants, what each builds on, and the hash of its files."""
    chosen = settings(mappings=mappings or None)
    rows = [_row(one, chosen.language) for one in converter(chosen).catalogue.variants.values()]
    if as_json:
        click.echo(pretty(rows))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        over = f" over {row['chain'][-2]}" if len(row["chain"]) > 1 else ""
        click.echo(f"{row['name']:<{width}}  {row['hash'][:12]}  {row['title']}{over}")


@command.command()
@click.argument("name")
@MAPPINGS
@JSON
def show(name: str, mappings: tuple[Path, ...], as_json: bool) -> None:
    """One variant: what it builds on, its maps, which group takes which document, what it drops and why."""
    chosen = settings(mappings=mappings or None)
    variant = find(converter(chosen), name)
    maps = [
        {"url": one.url, "file": one.file, "groups": [group.name for group in one.groups]}
        for one in variant.compiled.maps
    ]
    concepts = [one["url"] for one in variant.concepts]
    tables: dict[str, Mapping[str, str]] = {
        "entry": variant.entry,
        "inbound": variant.inbound,
        "dropped": variant.dropped,
    }
    if as_json:
        shown = _row(variant, chosen.language) | {"maps": maps, "concepts": concepts}
        click.echo(pretty(shown | {key: dict(table) for key, table in tables.items()}))
        return
    click.echo(
        f"{variant.name}: {variant.title[chosen.language]}\n{' over '.join(reversed(variant.chain))}\n{variant.hash}"
    )
    for key, table in tables.items():
        for left, right in table.items():
            click.echo(f"  {key:<8} {left}: {right}")
    for url in concepts:
        click.echo(f"  concepts {url}")
    for one in maps:
        click.echo(f"  map      {one['file']}: {', '.join(one['groups'])}")


def find(engine: "Converter", name: str) -> "Variant":
    """The variant of that name; `CouldNotRun` where there is none."""
    there = engine.catalogue.variants
    if name not in there:
        names = ", ".join(f"`{one}`" for one in there)
        raise CouldNotRun(issue("cli.unknown-variant", name=name, there=names))
    return there[name]


def _row(variant: "Variant", language: str) -> dict[str, Any]:
    return {
        "name": variant.name,
        "title": variant.title[language],
        "chain": list(variant.chain),
        "hash": variant.hash,
        "documents": sorted(variant.entry),
    }
