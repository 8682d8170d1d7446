"""Mapping variants: folders of maps and ConceptMaps over a base, compiled as one set each.

A variant is a folder `<name>/` with `variant.toml`, any `*.map`, and `concepts/*.json` (ConceptMap resources):

    name = "yhdessa-tiimi"          # the name of the folder
    extends = "base"                # the variant that this one builds on; left out only by a base
    [title]
    fi = "…"
    sv = "…"
    en = "…"
    [entry]                         # kind of source document = the group that maps it, as `Group` or `map url#Group`
    meeting = "MeetingToBundle"
    [inbound]                       # kind of source document = the group that maps back to it
    meeting = "BundleToMeeting"
    [dropped]                       # source element that is not mapped on purpose = the reason
    "Meeting.copies" = "Only printed, see …"
    [applies]                       # which documents this variant maps: all that is given must hold
    models = ["yhdessa-tiimi"]
    counties = ["10"]
    municipalities = ["285"]
    organisations = ["1.2.246.10…"]

`entry`, `inbound` and `dropped` are inherited and may be replaced key by key (`""` takes a dropped element back).
A file `source.schema.json` beside it gives the source documents more fields (see `service/intake/schema.py`).
Of several variants that apply to a document, the one with the most conditions maps it; then the one further from the
base; then the first by name.
A group of a variant replaces the group of the same name in what it extends, also for the groups there that call it;
it may itself say `extends` with its own name and means the replaced one. Rows of a ConceptMap replace the rows of the
same code in the ConceptMap of the same url. A folder with an error is refused, and what was loaded before stays.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from service import assets
from service.fhir.json import JsonError, parse
from service.issues import LANGUAGES, Issue, has_errors, issue
from service.mapping.compiler import Compiled, compile_maps
from service.mapping.conceptmaps import merged
from service.mapping.model import Map
from service.mapping.parser import parse_map
from service.mapping.shapes import TargetModel

_KEYS = frozenset({"name", "extends", "title", "entry", "inbound", "dropped", "applies"})
_APPLIES = frozenset({"models", "counties", "municipalities", "organisations"})
OVERLAY = "source.schema.json"

Overlays = tuple[Mapping[str, Any], ...]
"""What the folders of a variant add to the JSON Schemas of the source documents, from the base on."""
Models = Callable[[Overlays], tuple[Iterable[TargetModel], list[Issue]]]
"""The types of the maps of a variant with those overlays, and what is wrong with the overlays."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One variant as it lies on disk."""

    name: str
    path: Path
    extends: str | None
    title: Mapping[str, str]
    entry: Mapping[str, str]
    inbound: Mapping[str, str]
    dropped: Mapping[str, str]
    applies: Mapping[str, Sequence[str]]
    maps: tuple[Map, ...]
    concepts: tuple[Mapping[str, Any], ...]
    overlay: Mapping[str, Any] | None
    digest: str

    @property
    def changes_maps(self) -> bool:
        """Whether the maps of this folder differ from those that it extends."""
        return bool(self.maps or self.concepts or self.overlay)


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant ready to run: `entry` and `inbound` give the group for a kind of document.

    `chain` are the folders from the base to this one, `path` is its own, `hash` the SHA-256 (hex) over all files.
    """

    name: str
    path: Path
    title: Mapping[str, str]
    chain: tuple[str, ...]
    entry: Mapping[str, str]
    inbound: Mapping[str, str]
    dropped: Mapping[str, str]
    applies: Mapping[str, Sequence[str]]
    overlays: Overlays
    compiled: Compiled
    concepts: tuple[Mapping[str, Any], ...]
    hash: str

    def conditions(self, document: Mapping[str, Any]) -> int | None:
        """How many conditions of `[applies]` the document fulfils; None where it does not fulfil one."""
        source = document.get("source")
        given = {
            "models": document.get("model"),
            "counties": document.get("county"),
            "municipalities": document.get("municipality"),
            "organisations": source.get("organisation") if isinstance(source, Mapping) else None,
        }
        return len(self.applies) if all(given[name] in values for name, values in self.applies.items()) else None


@dataclass(frozen=True)
class Catalogue:
    """All variants by name. `folders` are the places that hold variant folders; later ones win over earlier."""

    variants: Mapping[str, Variant]
    folders: tuple[Path, ...]
    models: Models = field(default=lambda overlays: ((), []), repr=False)

    @classmethod
    def load(cls, folders: Sequence[Path], models: Models | None = None) -> tuple["Catalogue", list[Issue]]:
        """Reads and compiles every variant under `folders`; those with an error are left out, their issues returned."""
        return (cls({}, tuple(folders), models) if models else cls({}, tuple(folders))).reload()

    def choose(self, document: Any, name: str | None = None) -> Variant | Issue:
        """The variant that maps a document: the one named, else the one that applies to it most closely."""
        if name is not None:
            known = ", ".join(sorted(self.variants))
            return self.variants.get(name) or issue("mapping.no-variant", name=name, names=known)
        given = document if isinstance(document, Mapping) else {}
        rated = [
            (-conditions, -len(one.chain), one.name)
            for one in self.variants.values()
            if (conditions := one.conditions(given)) is not None
        ]
        return self.variants[min(rated)[2]] if rated else issue("mapping.none-applies")

    def reload(self) -> tuple["Catalogue", list[Issue]]:
        """The catalogue as the folders are now; of a variant that has an error now, the last good one stays."""
        issues: list[Issue] = []
        read: dict[str, Folder] = {}
        for place in self.folders:
            for path in sorted(one.parent for one in place.glob("*/variant.toml")):
                found, problems = _read(path)
                issues += problems
                if found is not None:
                    read[found.name] = found
        variants: dict[str, Variant] = {}
        for name in sorted(read, key=lambda one: (len(_chain(one, read)), one)):
            old = self.variants.get(name)
            made, problems = _variant(name, read, old, self.models, variants)
            issues += [one for one in problems if one not in issues]
            if made is not None or old is not None:
                variants[name] = made or old  # type: ignore[assignment]
        kept = {name: one for name, one in self.variants.items() if _on_disk(name, self.folders)}
        return replace(self, variants={**kept, **variants}), issues


def _on_disk(name: str, folders: Iterable[Path]) -> bool:
    return any((place / name / "variant.toml").exists() for place in folders)


def _read(path: Path) -> tuple[Folder | None, list[Issue]]:
    issues: list[Issue] = []
    settings = _settings(path / "variant.toml", issues)
    digest = hashlib.sha256()
    maps: list[Map] = []
    concepts: list[Mapping[str, Any]] = []
    overlay: Mapping[str, Any] | None = None
    files = [*path.glob("*.map"), *path.glob("concepts/*.json"), *path.glob(OVERLAY), path / "variant.toml"]
    for file in sorted(files):
        data = file.read_bytes()
        name = file.relative_to(path.parent).as_posix()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
        if file.suffix == ".map":
            found, problems = parse_map(data.decode("utf-8", "replace"), name)
            issues += problems
            maps += [found] if found else []
        elif file.name == OVERLAY:
            overlay = _json(data, name, issues)
        elif file.suffix == ".json":
            concepts += _concepts(data, name, issues)
    if has_errors(issues) or settings is None:
        return None, issues
    tables = {key: settings.get(key, {}) for key in ("title", "entry", "inbound", "dropped")}
    made = Folder(
        path.name, path, settings.get("extends"), **tables, applies=settings.get("applies", {}), maps=tuple(maps),
        concepts=tuple(concepts), overlay=overlay, digest=digest.hexdigest(),
    )  # fmt: skip
    return made, issues


def _settings(file: Path, issues: list[Issue]) -> dict[str, Any] | None:
    where = f"{file.parent.name}/{file.name}"
    try:
        found = tomllib.loads(file.read_text("utf-8", errors="replace"))
    except tomllib.TOMLDecodeError as error:
        issues.append(issue("fml.variant-toml", where=where, reason=str(error)))
        return None
    problems = [f"`{key}` is not known" for key in found if key not in _KEYS]
    if found.get("name") != file.parent.name:
        problems.append(f"`name` must be `{file.parent.name}`, like the folder")
    for key in ("title", "entry", "inbound", "dropped"):
        table = found.get(key, {})
        if not isinstance(table, dict) or not all(isinstance(one, str) for one in table.values()):
            problems.append(f"`[{key}]` must hold texts")
    problems += _wrong_conditions(found.get("applies", {}))
    title = found.get("title")
    if not isinstance(title, dict) or set(title) != set(LANGUAGES):
        problems.append("`[title]` must hold fi, sv and en")
    if not isinstance(found.get("extends", ""), str):
        problems.append("`extends` must be the name of a variant")
    issues += [issue("fml.variant-toml", where=where, reason=one) for one in problems]
    return None if problems else found


def _wrong_conditions(applies: Any) -> list[str]:
    if not isinstance(applies, dict):
        return ["`[applies]` must be a table"]
    problems = [f"`[applies]` has no condition `{key}`" for key in applies if key not in _APPLIES]
    for key, values in applies.items():
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            problems.append(f"`{key}` in `[applies]` must be a list of texts")
    return problems


def _json(data: bytes, name: str, issues: list[Issue]) -> Any:
    try:
        return parse(data)
    except JsonError as error:
        inner = error.issue
        line, column = inner.line or 1, inner.column or 1
        where = f"{name}:{line}:{column}"
        issues.append(issue("fml.variant-concepts", where=where, line=line, column=column, reason=inner.text()))
        return None


def _concepts(data: bytes, name: str, issues: list[Issue]) -> list[Mapping[str, Any]]:
    before = len(issues)
    found = _json(data, name, issues)
    if len(issues) > before:
        return []
    if (
        not isinstance(found, dict)
        or found.get("resourceType") != "ConceptMap"
        or not isinstance(found.get("url"), str)
    ):
        issues.append(issue("fml.variant-concepts", where=f"{name}:1:1", reason="it is no ConceptMap with a url"))
        return []
    return [found]


def _chain(name: str, read: Mapping[str, Folder]) -> list[Folder]:
    """The folders from the base to `name`; it ends early where one is unknown or a circle begins."""
    chain: list[Folder] = []
    at: str | None = name
    while at is not None and at in read and read[at] not in chain:
        chain.append(read[at])
        at = read[at].extends
    chain.reverse()
    return chain


def _variant(
    name: str, read: Mapping[str, Folder], old: Variant | None, models: Models, made: Mapping[str, Variant]
) -> tuple[Variant | None, list[Issue]]:
    chain = _chain(name, read)
    if chain[0].extends is not None:
        key = "fml.variant-circle" if chain[0].extends in read else "fml.variant-unknown"
        return None, [issue(key, where=f"{chain[0].name}/variant.toml", name=chain[0].extends)]
    digest = hashlib.sha256("\n".join(one.digest for one in chain).encode()).hexdigest()
    if old is not None and old.hash == digest:
        return old, []
    own, parent = chain[-1], made.get(chain[-1].extends or "")
    if parent is not None and not own.changes_maps:
        compiled: Compiled | None = parent.compiled
        concepts, issues = {one["url"]: one for one in parent.concepts}, list[Issue]()
    else:
        concepts = _merged_concepts(chain)
        # What travels with the program was checked when it was made; whatever else is new is checked now.
        compiled, issues = _compiled(chain, models, concepts, check=old is not None or not _shipped(chain))
    if compiled is None:
        return None, issues
    tables = {key: _inherited([getattr(one, key) for one in chain]) for key in ("entry", "inbound", "dropped")}
    for key in ("entry", "inbound"):
        for kind, group in tables[key].items():
            if not compiled.has(group):
                issues.append(issue("fml.variant-entry", where=f"{name}/variant.toml", name=group, kind=kind))
    if has_errors(issues):
        return None, issues
    return Variant(
        name, own.path, own.title, tuple(one.name for one in chain), **tables, applies=own.applies,
        overlays=_overlays(chain), compiled=compiled, concepts=tuple(concepts.values()), hash=digest,
    ), issues  # fmt: skip


def _shipped(chain: Sequence[Folder]) -> bool:
    return all(one.path.parent == assets.mappings() for one in chain)


def _overlays(chain: Sequence[Folder]) -> Overlays:
    return tuple(one.overlay for one in chain if one.overlay is not None)


def _merged_concepts(chain: Sequence[Folder]) -> dict[str, Mapping[str, Any]]:
    concepts: dict[str, Mapping[str, Any]] = {}
    for folder in chain:
        for one in folder.concepts:
            concepts[one["url"]] = merged(concepts[one["url"]], one) if one["url"] in concepts else one
    return concepts


def _compiled(
    chain: Sequence[Folder], models: Models, concepts: Mapping[str, Mapping[str, Any]], *, check: bool
) -> tuple[Compiled | None, list[Issue]]:
    types, issues = models(_overlays(chain))
    if has_errors(issues):
        return None, [replace(one, where=one.where or f"{chain[-1].name}/{OVERLAY}") for one in issues]
    # The variant's own maps come first, so that the first group of a set is its own; layers say who replaces whom.
    layers = [folder.maps for folder in chain]
    maps = [one for layer in reversed(layers) for one in layer]
    depth = {id(one): number for number, layer in enumerate(layers) for one in layer}
    return compile_maps(maps, types, concepts.values(), layer=lambda one: depth[id(one)], check=check)


def _inherited(tables: Iterable[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for table in tables:
        found.update(table)
    return {key: value for key, value in found.items() if value}
