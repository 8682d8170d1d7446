"""`yhdessa keyed`: the form of a document that the maps read, so that another engine can run the same maps on it."""

from pathlib import Path
from typing import Any

import click

from service.cli.engine import MAPPINGS, converter, settings
from service.cli.inputs import FILES
from service.cli.lines import answer
from service.cli.output import JSON, LANGUAGE
from service.issues import Issue


@click.command()
@FILES
@click.option("--variant", help="Mapping variant to use instead of the one the document names.")
@click.option(
    "--activity-style", type=click.Choice(["detail", "reference"]), help="How measures stand in the CarePlan."
)
@MAPPINGS
@JSON
@LANGUAGE
def command(
    files: tuple[str, ...],
    variant: str | None,
    activity_style: str | None,
    mappings: tuple[Path, ...],
    as_json: bool,
    lang: str | None,
) -> None:
    """Show the form of a document that the maps read, for other engines.

    Ids and references are made, times have an offset, defaults stand written; the logical models in
    `schemas/fhir/logical` describe it. One keyed document a line goes to standard output.
    Exit code 1: some documents had errors.
    """
    chosen = settings(mappings=mappings or None, activity_style=activity_style, language=lang)
    engine = converter(chosen)

    def make(document: Any) -> tuple[Any, list[Issue]]:
        ready = engine.keyed(document, variant=variant, activity_style=chosen.activity_style)
        return ready.document, ready.issues

    answer(files, make, as_json=as_json, language=chosen.language)
