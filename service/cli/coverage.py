"""`yhdessa mappings coverage`: every field of the source documents is mapped, or dropped with a reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.engine import MAPPINGS, converter, settings
from service.cli.output import JSON
from service.fhir.json import pretty

if TYPE_CHECKING:
    from service.fhir.definitions import Definitions
    from service.mapping.catalogue import Variant

ROOT = "https://yhdessa.example/fhir/StructureDefinition/"


def fields(definitions: "Definitions") -> Iterator[str]:
    """Every field of the source documents, by its path in the logical models; what intake adds is none of them."""
    for row in definitions.rows("StructureDefinition"):
        structure = definitions.structure(row.url) if row.url.startswith(ROOT) else None
        if structure is None or structure["kind"] != "logical":
            continue
        for element in structure["snapshot"]["element"]:
            name = element["path"].rpartition(".")[2]
            # The models give what a person fills in a title of its own; what intake adds is called what it is.
            if "." in element["path"] and element.get("short") != name:
                yield element["path"]


def missing(variant: "Variant", definitions: "Definitions") -> list[str]:
    """The fields that no rule of the variant reads and no line of its `dropped` gives a reason for."""
    there = variant.compiled.fields_used | set(variant.dropped)
    return sorted(field for field in set(fields(definitions)) if field not in there)


@click.command()
@click.argument("names", metavar="[VARIANT]…", nargs=-1)
@MAPPINGS
@JSON
def coverage(names: tuple[str, ...], mappings: tuple[Path, ...], as_json: bool) -> None:
    """Say which fields of the source documents a variant maps, drops with a reason, or forgets.

    Exit code 1: some field is forgotten.
    """
    from service.cli.mappings import find

    engine = converter(settings(mappings=mappings or None))
    known = set(fields(engine.definitions))
    rows = []
    for name in names or tuple(engine.catalogue.variants):
        variant = find(engine, name)
        mapped = sorted(known & variant.compiled.fields_used)
        lost = missing(variant, engine.definitions)
        rows.append({"variant": name, "mapped": mapped, "dropped": dict(variant.dropped), "missing": lost})
    if as_json:
        click.echo(pretty(rows))
    else:
        for row in rows:
            counts = [len(row[key]) for key in ("mapped", "dropped", "missing")]
            click.echo(
                "{}: {} of {} fields mapped, {} dropped, {} forgotten".format(
                    row["variant"], counts[0], len(known), *counts[1:]
                )
            )
            for field, reason in row["dropped"].items():
                click.echo(f"  dropped   {field}: {reason}")
            for field in row["missing"]:
                click.echo(f"  forgotten {field}")
    raise SystemExit(1 if any(row["missing"] for row in rows) else 0)
