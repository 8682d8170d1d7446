"""`yhdessa mappings coverage`: every field of the source documents is mapped, or dropped with a reason."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.engine import MAPPINGS, converter, settings
from service.cli.output import JSON
from service.fhir.json import pretty

if TYPE_CHECKING:
    from service.intake.schema import Schema
    from service.mapping.catalogue import Variant


def fields(schema: "Schema") -> list[str]:
    """Every field of the source documents, by its path in the logical models (`YhdessaMeasure.status`)."""
    from service.intake.logical import DOCUMENTS, model_name
    from service.intake.shape import objects

    found = {
        f"{DOCUMENTS[kind] if shape is root else model_name(shape)}.{name}"
        for kind, root in schema.shapes.items()
        for shape in objects(root)
        for name in shape.fields
    }
    return sorted(found)


def missing(variant: "Variant", schema: "Schema") -> list[str]:
    """The fields that no rule of the variant reads and no line of its `dropped` gives a reason for."""
    there = variant.compiled.fields_used | set(variant.dropped)
    return [field for field in fields(schema) if field not in there]


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
    rows: list[dict[str, Any]] = []
    for name in names or tuple(engine.catalogue.variants):
        variant = find(engine, name)
        schema = engine.schemas.of(variant.overlays)
        known = fields(schema)
        mapped = [field for field in known if field in variant.compiled.fields_used]
        lost = missing(variant, schema)
        rows.append(
            {"variant": name, "fields": len(known), "mapped": mapped, "dropped": dict(variant.dropped), "missing": lost}
        )
    if as_json:
        click.echo(pretty(rows))
    else:
        for row in rows:
            counts = [len(row[key]) for key in ("mapped", "dropped", "missing")]
            click.echo(
                "{}: {} of {} fields mapped, {} dropped, {} forgotten".format(
                    row["variant"], counts[0], row["fields"], *counts[1:]
                )
            )
            for field, reason in row["dropped"].items():
                click.echo(f"  dropped   {field}: {reason}")
            for field in row["missing"]:
                click.echo(f"  forgotten {field}")
    raise SystemExit(1 if any(row["missing"] for row in rows) else 0)
