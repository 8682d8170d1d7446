"""`yhdessa print`: the family's plan on paper, from FHIR, from a source document, or from the store."""

import re
import sys
from pathlib import Path
from typing import Any

import click

from service.cli.db import DATA, URL
from service.cli.engine import converter, settings
from service.cli.failures import CouldNotRun
from service.cli.inputs import Text, read
from service.cli.output import LANGUAGE, report
from service.clock import now
from service.config import Settings
from service.fhir.json import parse
from service.issues import Issue, issue

_ID = re.compile(r"(?:CarePlan/)?([A-Za-z0-9\-.]{1,64})")
# What is lacking, and the paper.
Made = tuple[list[Issue], bytes]


@click.command()
@click.argument("what", metavar="FILE|ID")
@click.option("--plan", metavar="ID", help="Which CarePlan, where FILE holds several: its id or identifier.")
@click.option(
    "--language", "spoken", type=click.Choice(["fi", "sv", "en"]), help="Language of the paper.  [default: the plan's]"
)
@click.option(
    "--format", "form", type=click.Choice(["pdf", "html"]), default="pdf", help="Of the paper.  [default: pdf]"
)
@click.option("--archive", is_flag=True, help="Make the PDF a PDF/A-2a too, for the archive.")
@click.option("--child", is_flag=True, help="The child's own sheet: few things in large type.")
@click.option("--copy-of", metavar="TEXT", help="This paper is a copy: say of what.")
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to write.  [default: standard output]")
@DATA
@URL
@LANGUAGE
def command(
    what: str,
    plan: str | None,
    spoken: str | None,
    form: str,
    archive: bool,
    child: bool,
    copy_of: str | None,
    output: str,
    data: Path | None,
    database: str | None,
    lang: str | None,
) -> None:
    """Print a shared plan for the family, as a tagged PDF or as HTML.

    FILE is a CarePlan, a Bundle that holds one with what it refers to, or a source document; `-` is standard input. ID
    is that of a CarePlan in the store of this installation; such a print is recorded in the use log. With --data or
    --database it is always an ID. What the paper lacks is told on standard error. Exit code 1: the document has errors.
    """
    if output == "-" and form == "pdf" and sys.stdout.isatty():
        raise click.UsageError("A PDF is no text for a terminal: give -o FILE.")
    chosen = settings(language=lang, data=data, database=database)
    options = {"language": spoken, "format": form, "archive": archive, "child": child, "copy_of": copy_of}
    named = None if what == "-" else _ID.fullmatch(what)
    if named and (data or database or (not Path(what).exists() and _has_store(chosen))):
        from service.cli import print_stored

        name, (lacking, paper) = what, print_stored.paper(named[1], chosen, options)
    else:
        text = _only(what)
        name, (lacking, paper) = text.name, _given(_resources(text, chosen), plan, options)
    report(name, lacking, as_json=False, language=chosen.language)
    _write(paper, output)


def _given(resources: Any, plan: str | None, options: dict[str, Any]) -> Made:
    from service.print import missing, printed

    moment = now()
    return missing(resources, plan, now=moment), printed(resources, plan, now=moment, **options)


def _has_store(chosen: Settings) -> bool:
    from service.store.engine import FILE

    return bool(chosen.database) or (chosen.data / FILE).exists()


def _write(paper: bytes, output: str) -> None:
    if output == "-":
        sys.stdout.buffer.write(paper)
        return
    try:
        Path(output).write_bytes(paper)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CouldNotRun(issue("cli.cannot-write", file=output, reason=reason)) from None


def _only(file: str) -> Text:
    texts = list(read([file]))
    if len(texts) != 1:
        raise click.BadParameter(f"{file!r} holds {len(texts)} documents; give one.", param_hint="FILE")
    return texts[0]


def _resources(text: Text, chosen: Settings) -> Any:
    """What FILE holds, as FHIR; a source document is converted first."""
    given = parse(text.data)
    if not isinstance(given, dict) or "resourceType" in given:
        return given
    made = converter(chosen).convert_text(text.data)
    report(text.name, text.at(made.issues), as_json=False, language=chosen.language)
    if made.bundle is None:
        raise SystemExit(1)
    return made.bundle
