"""`yhdessa restore`: the way back, from a Bundle that was made of a document to that document."""

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
@click.option("--variant", help="Mapping variant to use instead of the one the Bundle names.")
@MAPPINGS
@JSON
@LANGUAGE
def command(
    files: tuple[str, ...], variant: str | None, mappings: tuple[Path, ...], as_json: bool, lang: str | None
) -> None:
    """Turn Bundles that were made of documents back into documents.

    FILE is a JSON Bundle, an NDJSON file, a folder of them, or `-` for standard input. One document a line goes to
    standard output, with exact times and defaults written out, and with whatever was changed in the Bundle since.
    Exit code 1: some Bundles hold no document that can be read back.
    """
    chosen = settings(mappings=mappings or None, language=lang)
    engine = converter(chosen)

    def make(bundle: Any) -> tuple[Any, list[Issue]]:
        restored = engine.restore(bundle, variant=variant)
        return restored.document, restored.issues

    answer(files, make, as_json=as_json, language=chosen.language)
