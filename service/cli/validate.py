"""`yhdessa validate`: check resources against R4, the profiles they name, and those asked for.

https://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Iterator
from pathlib import Path

import click

from service.cli.engine import PACKAGES, definitions, settings
from service.cli.inputs import FILES, Text, read
from service.cli.output import LANGUAGE, line, progress
from service.cli.sarif import log
from service.clock import now
from service.fhir.json import encode, pretty
from service.issues import Issue, has_errors, outcome

Checked = tuple[Text, list[Issue]]


@click.command()
@FILES
@click.option("--profile", "profiles", multiple=True, metavar="URL", help="Profile to check against; may be repeated.")
@PACKAGES
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="For people, for programs, or for code hosts and editors.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as `--format json`.")
@LANGUAGE
def command(
    files: tuple[str, ...],
    profiles: tuple[str, ...],
    packages: tuple[Path, ...],
    form: str,
    as_json: bool,
    lang: str | None,
) -> None:
    """Check FHIR resources or Bundles.

    FILE is a JSON file, an NDJSON file, a folder of them, or `-` for standard input. `--format json` writes one line a
    file: `{"file": …, "valid": …, "outcome": OperationOutcome}`. Exit code 1: some are not valid.
    """
    from service.validation import Options, Validator

    chosen = settings(language=lang)
    texts = read(files)
    validator = Validator(definitions(chosen, packages))
    options = Options(today=now().date())

    def checked() -> Iterator[Checked]:
        for text in progress(texts):
            yield text, text.at(validator.validate_text(text.data, profiles, options))

    write = {"text": _text, "json": _json, "sarif": _sarif}["json" if as_json else form]
    raise SystemExit(0 if write(checked(), chosen.language) else 1)


def _text(checked: Iterator[Checked], language: str) -> bool:
    """One line a finding, and one for a file without any."""
    count = wrong = 0
    for text, issues in checked:
        count += 1
        wrong += has_errors(issues)
        for found in issues:
            click.echo(line(text.name, found, language))
        if not has_errors(issues):
            click.echo(f"{text.name}: {click.style('valid', fg='green')}")
    click.echo(f"{count - wrong} valid, {wrong} not valid", err=True)
    return not wrong


def _json(checked: Iterator[Checked], language: str) -> bool:
    well = True
    for text, issues in checked:
        valid = not has_errors(issues)
        well &= valid
        click.echo(encode({"file": text.name, "valid": valid, "outcome": outcome(issues, language)}))
    return well


def _sarif(checked: Iterator[Checked], language: str) -> bool:
    rows = [(text, issues) for text, issues in checked]
    click.echo(pretty(log(((text.file, found) for text, issues in rows for found in issues), language)))
    return not any(has_errors(issues) for _, issues in rows)
