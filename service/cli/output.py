"""How findings and progress are shown: plain lines or OperationOutcomes on standard error, a bar only for people."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from service.cli.failures import spoken
from service.cli.inputs import Text
from service.fhir.json import encode
from service.issues import Issue, outcome

LANGUAGE = click.option(
    "--lang", type=click.Choice(["fi", "sv", "en"]), help="Language of messages.  [default: YHDESSA_LANGUAGE, else en]"
)
JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")

# A bar for less than this would be gone before anybody could read it.
LONG = 2_000_000
_COLOURS = {"fatal": "red", "error": "red", "warning": "yellow", "information": "blue"}


def line(name: str, found: Issue, language: str) -> str:
    """`file:line:column: severity: sentence [key]`, as compilers write it."""
    # The name of a document in NDJSON ends in its line already.
    place = name if found.line is None else f"{name.removesuffix(f':{found.line}')}:{found.line}:{found.column}"
    where = found.expression or found.pointer
    severity = click.style(found.severity, fg=_COLOURS[found.severity], bold=found.is_error)
    rule = f" ({found.where})" if found.where else ""
    return f"{place}: {severity}: {found.text(language)}{f' at {where}' if where else ''}{rule} [{found.key}]"


def report(name: str, issues: Iterable[Issue], *, as_json: bool, language: str | None = None) -> None:
    """Write what was found in one document to standard error; nothing where nothing was found."""
    found = list(issues)
    if not found:
        return
    if as_json:
        said: dict[str, Any] = outcome(found, language or spoken())
        row = {"resourceType": said["resourceType"], "meta": {"source": name}, "issue": said["issue"]}
        click.echo(encode(row), err=True)
        return
    for one in found:
        click.echo(line(name, one, language or spoken()), err=True)


def progress(texts: Iterable[Text]) -> Iterator[Text]:
    """The same documents, with a bar on standard error where a person waits for a long input."""
    waiting = iter(texts)
    first = next(waiting, None)
    if first is None:
        return
    if first.total < LONG or not sys.stderr.isatty():
        yield first
        yield from waiting
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=first.total)
        yield first
        for text in waiting:
            bar.update(task, completed=text.done)
            yield text
