"""Commands that answer each document they read with one line of JSON."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import click

from service.cli.inputs import read
from service.cli.output import progress, report
from service.fhir.json import JsonError, encode, parse
from service.issues import Issue


def answer(
    files: Sequence[str],
    make: Callable[[Any], tuple[Any, Iterable[Issue]]],
    *,
    as_json: bool,
    language: str | None,
) -> NoReturn:
    """Write what `make` gives for each JSON document of `files` (nothing where that is None), and end.

    Issues go to standard error; the exit code is 1 where some document got no answer.
    """
    failed = False
    for text in progress(read(files)):
        try:
            made, found = make(parse(text.data))
        except JsonError as error:
            made, found = None, [error.issue]
        report(text.name, text.at(found), as_json=as_json, language=language)
        if made is None:
            failed = True
        else:
            click.echo(encode(made))
    raise SystemExit(1 if failed else 0)
