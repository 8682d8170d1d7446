"""`yhdessa fhirpath`: evaluate an expression on a resource. http://hl7.org/fhirpath/N1"""

from pathlib import Path
from typing import Any

import click

from service.cli.engine import PACKAGES, definitions, settings
from service.cli.inputs import read
from service.clock import now
from service.fhir.json import encode, parse


@click.command()
@click.argument("expression")
@click.argument("file")
@PACKAGES
def command(expression: str, file: str, packages: tuple[Path, ...]) -> None:
    """Evaluate a FHIRPath EXPRESSION on the resource in FILE (`-` for standard input).

    Prints a JSON array of `{"type": …, "value": …}`; of many resources (NDJSON) one array a line.
    """
    from service.fhir.path import Env, evaluate
    from service.fhir.terminology import Terminology
    from service.validation import Validator

    texts = read([file])
    known = definitions(settings(), packages)
    terminology = Terminology(known)
    validator = Validator(known, terminology)

    def conforms_to(profile: str, value: Any) -> bool | None:
        if known.structure(profile) is None:
            return None
        return not any(found.is_error for found in validator.validate(value, [profile]))

    def member_of(value_set: str, value: Any) -> bool | None:
        answers = [terminology.validate_code(value_set, *one).result for one in _codes(value)]
        return True if True in answers else None if None in answers or not answers else False

    env = Env(now=now(), member_of=member_of, conforms_to=conforms_to)
    for text in texts:
        found = evaluate(expression, parse(text.data), env=env, model=known.model)
        click.echo(encode([{"type": name, "value": value} for name, value in found]))


def _codes(value: Any) -> list[tuple[str | None, str]]:
    """`(system, code)` of a code, Coding or CodeableConcept."""
    if isinstance(value, str):
        return [(None, value)]
    if not isinstance(value, dict):
        return []
    codings = value["coding"] if isinstance(value.get("coding"), list) else [value]
    return [(one.get("system"), one["code"]) for one in codings if isinstance(one.get("code"), str)]
