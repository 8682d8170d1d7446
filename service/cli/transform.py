"""`yhdessa transform`: run any map of the FHIR Mapping Language on any JSON.

https://hl7.org/fhir/R4/mapping-language.html
"""

from pathlib import Path
from typing import Any

import click

from service.cli.engine import PACKAGES, definitions, settings
from service.cli.failures import CouldNotRun
from service.cli.inputs import read
from service.cli.output import JSON, LANGUAGE, report
from service.clock import now
from service.fhir.json import encode, parse, pretty
from service.issues import has_errors, issue

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--map", "maps", multiple=True, required=True, type=FILE, help="Map to run; further ones it imports.")
@click.option("--group", help="Group to run.  [default: the first of the first map]")
@click.option("--concepts", multiple=True, type=FILE, help="ConceptMap (JSON) that the maps refer to; may be repeated.")
@click.option("--model", "models", multiple=True, type=FILE, help="StructureDefinition (JSON) of a source or target.")
@PACKAGES
@click.option("--trace", is_flag=True, help="Also say on standard error which rule made which element.")
@JSON
@LANGUAGE
@click.argument("source")
def command(
    maps: tuple[Path, ...],
    group: str | None,
    concepts: tuple[Path, ...],
    models: tuple[Path, ...],
    packages: tuple[Path, ...],
    trace: bool,
    as_json: bool,
    lang: str | None,
    source: str,
) -> None:
    """Run a FHIR Mapping Language map on the JSON in SOURCE (`-` for standard input) and print the target.

    Problems go to standard error (`--json`: as an OperationOutcome), and so does what the map logs. Of many sources
    (NDJSON) one target a line is printed. Exit code 1: the map refused a source.
    """
    from service.cli.traces import rows

    chosen = settings(language=lang)
    texts = read([source])
    compiled = _compiled(maps, concepts, models, packages, chosen)
    if group is not None and not compiled.has(group):
        raise CouldNotRun(issue("fml.unknown-group", name=group, hint=", ".join(compiled.groups)))
    failed = False
    for text in texts:
        content, moment = parse(text.data), now()
        if trace:
            result, steps = compiled.run_traced(content, group=group, now=moment)
            click.echo(encode({"file": text.name, "trace": rows(steps)}), err=True)
        else:
            result = compiled.run(content, group=group, now=moment)
        report(text.name, text.at(result.issues), as_json=as_json, language=chosen.language)
        for where, said in result.log:
            click.echo(f"{where}: log: {said}", err=True)
        if has_errors(result.issues) or result.target is None:
            failed = True
        else:
            click.echo(pretty(result.target) if text.name == text.file else encode(result.target))
    raise SystemExit(1 if failed else 0)


def _compiled(
    maps: tuple[Path, ...],
    concepts: tuple[Path, ...],
    models: tuple[Path, ...],
    packages: tuple[Path, ...],
    chosen: Any,
) -> Any:
    from service.mapping import Shapes, compile_maps, parse_map

    read_maps, found = [], []
    for file in maps:
        one, issues = parse_map(file.read_text("utf-8", "replace"), str(file))
        found += issues
        read_maps += [one] if one else []
    if not has_errors(found):
        shapes = Shapes(definitions(chosen, packages).structure, [parse(file.read_bytes()) for file in models])
        compiled, issues = compile_maps(read_maps, [shapes], [parse(file.read_bytes()) for file in concepts])
        found += issues
    if has_errors(found):
        raise CouldNotRun(*(one for one in found if one.is_error))
    report(str(maps[0]), found, as_json=False, language=chosen.language)
    return compiled
