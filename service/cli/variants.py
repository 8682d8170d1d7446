"""`yhdessa mappings new` and `diff`: start a region's own folder, and see what one variant does otherwise."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service import assets
from service.cli.engine import MAPPINGS, converter, settings
from service.cli.failures import CouldNotRun
from service.cli.output import JSON
from service.fhir.json import pretty
from service.issues import issue

if TYPE_CHECKING:
    from service.mapping.catalogue import Variant

_TOML = """\
# {name}: builds on {over} and says only what is different. A group in a map here replaces the group of the same name
# there; a row of a ConceptMap in concepts/ replaces the row of the same code there. See docs/mappings.md.
name = "{name}"
extends = "{over}"

[title]
fi = "{name}"
sv = "{name}"
en = "{name}"
"""
_MAP = """\
// What {name} does otherwise: the groups here replace those of the same name in {over}.

map "https://yhdessa.example/fhir/StructureMap/{name}" = "{title}"

{uses}

imports "https://yhdessa.example/fhir/StructureMap/*"

{groups}
"""


@click.command()
@click.argument("name")
@click.option("--over", default="base", show_default=True, help="Variant to build on.")
@click.option(
    "--replace", "replaced", multiple=True, metavar="GROUP", help="Group to copy, for you to change; may be repeated."
)
@click.option("--into", type=click.Path(path_type=Path), default=Path(), help="Folder to put it into.  [default: here]")
@MAPPINGS
def new(name: str, over: str, replaced: tuple[str, ...], into: Path, mappings: tuple[Path, ...]) -> None:
    """Start the folder NAME for a region of its own: settings, the groups to change, and one case to begin with."""
    from service.cli.mappings import find

    if not re.fullmatch(r"[a-z][a-z0-9-]{1,40}", name):
        raise click.BadParameter("use small letters, digits and hyphens, beginning with a letter.", param_hint="NAME")
    engine = converter(settings(mappings=mappings or None))
    if name in engine.catalogue.variants or (into / name).exists():
        raise CouldNotRun(issue("cli.exists", place=name if name in engine.catalogue.variants else into / name))
    variant = find(engine, over)
    example = next(iter(sorted((assets.schemas() / "source" / "examples").glob("*shared-plan*.json"))))
    files = {
        "variant.toml": _TOML.format(name=name, over=over),
        "cases/first/in.json": example.read_text("utf-8"),
    }
    if replaced:
        files[f"{name}.map"] = _map(name, variant, replaced, engine.catalogue.folders)
    for file, text in files.items():
        place = into / name / file
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
        except OSError as error:
            raise CouldNotRun(issue("cli.cannot-write", file=place, reason=error.strerror or "?")) from None
        click.echo(place)
    click.echo(f"Next: yhdessa mappings test {name} --mappings {into} --write", err=True)


def _map(name: str, variant: "Variant", replaced: Iterable[str], folders: Iterable[Path]) -> str:
    """A map that holds copies of these groups of the variant, with what their own maps use."""
    uses: list[str] = []
    groups: list[str] = []
    for wanted in replaced:
        places = [(one, group) for one in variant.compiled.maps for group in one.groups if group.name == wanted]
        if not places:
            known = ", ".join(f"`{group}`" for group in variant.compiled.groups)
            raise CouldNotRun(issue("cli.unknown-group", name=wanted, there=known))
        one, group = places[0]
        file = next(place / one.file for place in folders if (place / one.file).exists())
        lines = file.read_text("utf-8").splitlines()
        last = min((other.at.line for other in one.groups if other.at.line > group.at.line), default=len(lines) + 1)
        text = "\n".join(lines[group.at.line - 1 : last - 1])
        groups.append(text[: text.rindex("}") + 1])
        uses += [line for line in lines if line.startswith("uses ")]
    return _MAP.format(
        name=name,
        over=variant.name,
        title="".join(part.capitalize() for part in name.split("-")),
        uses="\n".join(dict.fromkeys(uses)),
        groups="\n\n".join(groups),
    )


@click.command()
@click.argument("left")
@click.argument("right")
@MAPPINGS
@JSON
def diff(left: str, right: str, mappings: tuple[Path, ...], as_json: bool) -> None:
    """What the variant RIGHT does otherwise than LEFT: groups, code translations, entries, dropped fields."""
    from service.cli.mappings import find

    engine = converter(settings(mappings=mappings or None))
    before, after = (_parts(find(engine, name)) for name in (left, right))
    rows = []
    for kind in before:
        for name in sorted(set(before[kind]) | set(after[kind])):
            old, fresh = before[kind].get(name), after[kind].get(name)
            if old != fresh:
                change = "added" if old is None else "removed" if fresh is None else "changed"
                rows.append({"kind": kind, "name": name, "change": change})
    if as_json:
        click.echo(pretty(rows))
        return
    for row in rows:
        click.echo(f"{row['change']:<8} {row['kind']} {row['name']}")
    if not rows:
        click.echo(f"{left} and {right} do the same.", err=True)


def _parts(variant: "Variant") -> dict[str, dict[str, Any]]:
    """What a variant consists of; of groups with one name, the one that is in force."""
    groups: dict[str, Any] = {}
    for one in reversed(variant.compiled.maps):
        groups.update({group.name: group for group in one.groups})
    rows = {
        f"{one['url'].rpartition('/')[2]} {group.get('source', '')}|{element.get('code', '')}": element.get("target")
        for one in variant.concepts
        for group in one.get("group", ())
        for element in group.get("element", ())
    }
    tables = {"entry": dict(variant.entry), "inbound": dict(variant.inbound), "dropped": dict(variant.dropped)}
    return {"group": groups, "code": rows, **tables}
