"""`yhdessa mappings test`: the cases of each variant, `cases/<name>/in.json` and the Bundle expected of it, `out.json`.

A case may hold `out.reference.json` too: the same document with the measures beside the plan.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.engine import MAPPINGS, converter, settings
from service.cli.output import JSON, line
from service.fhir.json import encode, escape, parse, placed, pretty
from service.issues import Issue, has_errors

if TYPE_CHECKING:
    from service.mapping.catalogue import Variant
    from service.pipeline import Converter

# The expected Bundle of each activity style; the first must be there.
OUTPUTS = {"detail": "out.json", "reference": "out.reference.json"}


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a variant: its folder, and the activity style it is about."""

    variant: str
    folder: Path
    style: str

    @property
    def name(self) -> str:
        return f"{self.variant}/{self.folder.name}" + ("" if self.style == "detail" else f" ({self.style})")

    @property
    def output(self) -> Path:
        return self.folder / OUTPUTS[self.style]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: where it differs from what was expected (JSON Pointers), and what was found."""

    case: Case
    bundle: dict[str, Any] | None
    differences: tuple[str, ...]
    issues: tuple[Issue, ...]

    @property
    def passed(self) -> bool:
        return not self.differences and not has_errors(self.issues)


def cases(variants: Iterable["Variant"]) -> Iterator[Case]:
    """The cases of these variants, in the order of their names."""
    for variant in variants:
        for file in sorted(variant.path.glob("cases/*/in.json")):
            for style, output in OUTPUTS.items():
                if style == "detail" or (file.parent / output).exists():
                    yield Case(variant.name, file.parent, style)


def run(engine: "Converter", case: Case) -> Outcome:
    """Convert the case's document with its variant and compare."""
    text = (case.folder / "in.json").read_bytes()
    made = engine.convert_text(text, variant=case.variant, activity_style=case.style)
    bundle = _without_hash(made.bundle, engine.catalogue.variants[case.variant].hash)
    expected = parse(case.output.read_bytes()) if case.output.exists() else None
    found = tuple(differences(expected, bundle))
    return Outcome(case, bundle, found, tuple(placed(made.issues, text)))


def _without_hash(bundle: Any, digest: str) -> Any:
    """The Bundle with zeros for the hash of the mapping set, which every change of any map changes."""
    return parse(encode(bundle).replace(digest.encode(), b"0" * len(digest))) if bundle is not None else None


def differences(expected: Any, got: Any, pointer: str = "") -> Iterator[str]:
    """The pointers at which two JSON values differ, the deepest that says it."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in dict.fromkeys([*expected, *got]):
            yield from differences(expected.get(key), got.get(key), f"{pointer}/{escape(key)}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, pair in enumerate(zip(expected, got, strict=True)):
            yield from differences(*pair, f"{pointer}/{index}")
    elif type(expected) is not type(got) or expected != got:
        yield pointer


@click.command()
@click.argument("names", metavar="[VARIANT]…", nargs=-1)
@MAPPINGS
@click.option(
    "--write", is_flag=True, help="Write what comes out as what is expected; read the difference before you keep it."
)
@JSON
def test(names: tuple[str, ...], mappings: tuple[Path, ...], write: bool, as_json: bool) -> None:
    """Run the cases of the variants named, or of all, and say where the result differs.

    Ids are made with the public test key. Exit code 1: some cases differ, or there are none.
    """
    from service.cli.mappings import find
    from service.config import TEST_KEY

    chosen = settings(mappings=mappings or None, id_key=TEST_KEY)
    engine = converter(chosen)
    variants = [find(engine, name) for name in names] or engine.catalogue.variants.values()
    outcomes = [run(engine, case) for case in cases(variants)]
    if write:
        for one in outcomes:
            if one.bundle is not None:
                one.case.output.write_text(pretty(one.bundle) + "\n", "utf-8")
    if as_json:
        click.echo(
            pretty([{"case": one.case.name, "passed": one.passed, "differences": one.differences} for one in outcomes])
        )
    else:
        for one in outcomes:
            _show(one, chosen.language)
    raise SystemExit(0 if outcomes and (write or all(one.passed for one in outcomes)) else 1)


def _show(one: Outcome, language: str) -> None:
    click.echo(
        f"{one.case.name}: {click.style('passed', fg='green') if one.passed else click.style('differs', fg='red')}"
    )
    for pointer in one.differences[:20]:
        click.echo(f"  {pointer or '#'}")
    for found in one.issues:
        if found.is_error:
            click.echo(f"  {line(str(one.case.folder / 'in.json'), found, language)}")
