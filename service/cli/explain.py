"""`yhdessa explain`: which rule, which line of a map and which source value made an element."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from service.cli.engine import MAPPINGS, converter, settings
from service.cli.failures import CouldNotRun
from service.cli.inputs import Text, read
from service.cli.output import JSON, LANGUAGE, report
from service.fhir.json import encode, escape, pretty, resolve
from service.issues import issue
from service.mapping import Step, Trace

_STEP = re.compile(r"(?P<name>[A-Za-z]+)(?:\[(?P<index>\d+)\])?(?:\.|$)")


@dataclass(frozen=True, slots=True)
class Made:
    """One element that a rule made: where in the Bundle, as a path, its value, and the step of the trace."""

    path: str
    value: Any
    step: Step
    sources: tuple[tuple[str, Any], ...]


@click.command()
@click.argument("file")
@click.option(
    "--element", required=True, metavar="PATH", help="Element, as `CarePlan.activity[0]` or `Task[1].status`."
)
@click.option("--variant", help="Mapping variant to use instead of the one the document names.")
@click.option(
    "--activity-style", type=click.Choice(["detail", "reference"]), help="How measures stand in the CarePlan."
)
@MAPPINGS
@JSON
@LANGUAGE
def command(
    file: str,
    element: str,
    variant: str | None,
    activity_style: str | None,
    mappings: tuple[Path, ...],
    as_json: bool,
    lang: str | None,
) -> None:
    """Say what made an element of the Bundle that FILE becomes, and everything below it.

    For each element: its value, the rule and its line in the map, and the source values it was made from.
    """
    chosen = settings(mappings=mappings or None, activity_style=activity_style, language=lang)
    text = next(read([file]))
    made = converter(chosen).convert_text(text.data, variant=variant, activity_style=chosen.activity_style, trace=True)
    if made.bundle is None or made.trace is None:
        report(text.name, text.moved(made.issues), as_json=as_json, language=chosen.language)
        raise CouldNotRun(issue("cli.no-bundle", file=text.name))
    place = _place(made.bundle, element)
    if place is None:
        there = ", ".join(f"`{name}`" for name in dict.fromkeys(_types(made.bundle)))
        raise CouldNotRun(issue("cli.no-such-element", file=text.name, element=element, there=there))
    found = list(_made(made.trace, made.bundle, made.document, place, element))
    _show(text, element, resolve(made.bundle, place), found, as_json)


def _show(text: Text, element: str, value: Any, found: list[Made], as_json: bool) -> None:
    if as_json:
        steps = [
            {
                "element": one.path,
                "value": one.value,
                "rule": one.step.rule,
                "group": one.step.group,
                "map": one.step.where,
                "sources": [{"pointer": pointer, "value": source} for pointer, source in one.sources],
            }
            for one in found
        ]
        click.echo(pretty({"file": text.name, "element": element, "value": value, "steps": steps}))
        return
    for one in found:
        click.echo(f"{click.style(one.path, bold=True)} = {_short(one.value)}")
        click.echo(f"  rule `{one.step.rule}` of group {one.step.group}, {one.step.where}")
        for pointer, source in one.sources:
            click.echo(f"  from {pointer or '#'}{'' if source is None else f' = {_short(source)}'}")


def _types(bundle: dict[str, Any]) -> Iterator[str]:
    return (entry["resource"]["resourceType"] for entry in bundle["entry"])


def _place(bundle: dict[str, Any], element: str) -> str | None:
    """The JSON Pointer of an element in the Bundle; None where there is nothing."""
    steps = [(match["name"], match["index"]) for match in _STEP.finditer(element)]
    if not steps or "".join(match[0] for match in _STEP.finditer(element)) != element:
        raise click.BadParameter(f"{element!r} is no path such as CarePlan.activity[0].", param_hint="--element")
    (name, index), *rest = steps
    if name == "Bundle":
        pointer, node = "", bundle
    else:
        of_type = [number for number, found in enumerate(_types(bundle)) if found == name]
        if int(index or 0) >= len(of_type):
            return None
        pointer = f"/entry/{of_type[int(index or 0)]}/resource"
        node = resolve(bundle, pointer)
    for name, index in rest:
        key = _key(node, name)
        if key is None:
            return None
        pointer, node = f"{pointer}/{escape(key)}", node[key]
        if index is not None:
            if not isinstance(node, list) or int(index) >= len(node):
                return None
            pointer, node = f"{pointer}/{index}", node[int(index)]
        elif isinstance(node, list) and len(node) == 1:
            pointer, node = f"{pointer}/0", node[0]
    return pointer


def _key(node: Any, name: str) -> str | None:
    """The JSON key of an element; a choice element may be named without its type."""
    if not isinstance(node, dict):
        return None
    if name in node:
        return name
    return next((key for key in node if re.fullmatch(f"{name}[A-Z]\\w*", key)), None)


def _made(trace: Trace, bundle: Any, document: Any, place: str, element: str) -> Iterator[Made]:
    """What was made at `place` and below, in the order of the rules; else what made the nearest element around it."""
    below = [step for step in trace.entries if step.target == place or step.target.startswith(f"{place}/")]
    for step in below or trace.explain(place):
        path = element + _path(step.target[len(place) :]) if step.target.startswith(place) else step.target
        sources = tuple((pointer, _value(document, pointer)) for pointer in step.sources)
        yield Made(path, _value(bundle, step.target), step, sources)


def _path(pointer: str) -> str:
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in pointer.split("/")[1:])


def _value(root: Any, pointer: str) -> Any:
    """What stands there; None where intake made it, so that the document given does not have it."""
    try:
        return resolve(root, pointer)
    except KeyError:
        return None


def _short(value: Any) -> str:
    text = encode(value).decode()
    return text if len(text) <= 100 else f"{text[:99]}…"
