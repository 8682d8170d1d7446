"""`yhdessa convert`: source documents in, one Bundle a line out."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.engine import MAPPINGS, converter, settings
from service.cli.failures import CouldNotRun
from service.cli.inputs import FILES, Text, read
from service.cli.output import JSON, LANGUAGE, progress, report
from service.cli.traces import rows
from service.fhir.json import encode, pretty
from service.issues import has_errors, issue

if TYPE_CHECKING:
    from service.pipeline import Converted


@click.command()
@FILES
@click.option("--variant", help="Mapping variant to use instead of the one the document names.")
@click.option(
    "--activity-style", type=click.Choice(["detail", "reference"]), help="How measures stand in the CarePlan."
)
@MAPPINGS
@click.option("--trace", is_flag=True, help="Also say which rule made which element.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write `<name>.bundle.json` files into this folder."
)
@JSON
@LANGUAGE
def command(
    files: tuple[str, ...],
    variant: str | None,
    activity_style: str | None,
    mappings: tuple[Path, ...],
    trace: bool,
    output: Path | None,
    as_json: bool,
    lang: str | None,
) -> None:
    """Turn source documents into FHIR Bundles.

    FILE is a JSON document, an NDJSON file, a folder of them, or `-` for standard input. One Bundle a line goes to
    standard output, in input order; problems go to standard error (`--json`: as one OperationOutcome a document).
    Exit code 1: some documents had errors and have no Bundle.
    """
    chosen = settings(mappings=mappings or None, activity_style=activity_style, language=lang)
    texts = read(files)
    engine = converter(chosen)
    if variant is not None and variant not in engine.catalogue.variants:
        there = ", ".join(f"`{name}`" for name in engine.catalogue.variants)
        raise click.BadParameter(issue("cli.unknown-variant", name=variant, there=there).text(chosen.language))
    writer = _Files(output, trace) if output else _Lines(trace)
    failed = False
    for text in progress(texts):
        converted = engine.convert_text(text.data, variant=variant, activity_style=chosen.activity_style, trace=trace)
        report(text.name, text.moved(converted.issues), as_json=as_json, language=chosen.language)
        if converted.bundle is None or has_errors(converted.issues):
            failed = True
        else:
            writer.write(text, converted)
    raise SystemExit(1 if failed else 0)


class _Lines:
    """Bundles to standard output, one a line; traces to standard error."""

    def __init__(self, trace: bool) -> None:
        self._trace = trace

    def write(self, text: Text, converted: "Converted") -> None:
        click.echo(encode(converted.bundle))
        if self._trace and converted.trace is not None:
            click.echo(encode({"file": text.name, "trace": rows(converted.trace)}), err=True)


class _Files:
    """Bundles, and traces beside them, into a folder; two of one name get numbers."""

    def __init__(self, folder: Path, trace: bool) -> None:
        self._folder = folder
        self._trace = trace
        self._used: set[str] = set()

    def write(self, text: Text, converted: "Converted") -> None:
        names = itertools.chain([text.stem], (f"{text.stem}-{number}" for number in itertools.count(2)))
        stem = next(name for name in names if name not in self._used)
        self._used.add(stem)
        self._put(self._folder / f"{stem}.bundle.json", converted.bundle)
        if self._trace and converted.trace is not None:
            self._put(self._folder / f"{stem}.trace.json", rows(converted.trace))

    def _put(self, file: Path, value: Any) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(pretty(value) + "\n", "utf-8")
        except OSError as error:
            raise CouldNotRun(issue("cli.cannot-write", file=file, reason=error.strerror or "?")) from None
