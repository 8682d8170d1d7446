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

`entry`, `inbound` and `dropped` are inherited and may be replaced key by key (`""` takes a dropped element back).
A group of a variant replaces the group of the same name in what it extends, also for the groups there that call it;
it may itself say `extends` with its own name and means the replaced one. Rows of a ConceptMap replace the rows of the
same code in the ConceptMap of the same url. A folder with an error is refused, and what was loaded before stays.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from service.fhir.json import JsonError, parse
from service.issues import LANGUAGES, Issue, has_errors, issue
from service.mapping.compiler import Compiled, compile_maps
from service.mapping.conceptmaps import merged
from service.mapping.model import Map
from service.mapping.parser import parse_map
from service.mapping.shapes import TargetModel

_KEYS = frozenset({"name", "extends", "title", "entry", "inbound", "dropped"})


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
    maps: tuple[Map, ...]
    concepts: tuple[Mapping[str, Any], ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant ready to run: `entry` and `inbound` give the group for a kind of document.

    `chain` are the folders from the base to this one, `hash` the SHA-256 (hex) over all their files.
    """

    name: str
    title: Mapping[str, str]
    chain: tuple[str, ...]
    entry: Mapping[str, str]
    inbound: Mapping[str, str]
    dropped: Mapping[str, str]
    compiled: Compiled
    concepts: tuple[Mapping[str, Any], ...]
    hash: str


@dataclass(frozen=True)
class Catalogue:
    """All variants by name. `folders` are the places that hold variant folders; later ones win over earlier."""

    variants: Mapping[str, Variant]
    folders: tuple[Path, ...]
    models: tuple[TargetModel, ...] = field(default=(), repr=False)

    @classmethod
    def load(cls, folders: Sequence[Path], models: Iterable[TargetModel] = ()) -> tuple["Catalogue", list[Issue]]:
        """Reads and compiles every variant under `folders`; those with an error are left out, their issues returned."""
        return cls({}, tuple(folders), tuple(models)).reload()

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
        for name in sorted(read):
            old = self.variants.get(name)
            made, problems = _variant(name, read, old, self.models)
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
    for file in sorted([*path.glob("*.map"), *path.glob("concepts/*.json"), path / "variant.toml"]):
        data = file.read_bytes()
        name = file.relative_to(path.parent).as_posix()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
        if file.suffix == ".map":
            found, problems = parse_map(data.decode("utf-8", "replace"), name)
            issues += problems
            maps += [found] if found else []
        elif file.suffix == ".json":
            concepts += _concepts(data, name, issues)
    if has_errors(issues) or settings is None:
        return None, issues
    tables = {key: settings.get(key, {}) for key in ("title", "entry", "inbound", "dropped")}
    made = Folder(
        path.name, path, settings.get("extends"), **tables, maps=tuple(maps), concepts=tuple(concepts),
        digest=digest.hexdigest(),
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
    title = found.get("title")
    if not isinstance(title, dict) or set(title) != set(LANGUAGES):
        problems.append("`[title]` must hold fi, sv and en")
    if not isinstance(found.get("extends", ""), str):
        problems.append("`extends` must be the name of a variant")
    issues += [issue("fml.variant-toml", where=where, reason=one) for one in problems]
    return None if problems else found


def _concepts(data: bytes, name: str, issues: list[Issue]) -> list[Mapping[str, Any]]:
    try:
        found = parse(data)
    except JsonError as error:
        inner = error.issue
        where = f"{name}:{inner.line or 1}:{inner.column or 1}"
        issues.append(
            issue("fml.variant-concepts", where=where, line=inner.line, column=inner.column, reason=inner.text())
        )
        return []
    if (
        not isinstance(found, dict)
        or found.get("resourceType") != "ConceptMap"
        or not isinstance(found.get("url"), str)
    ):
        issues.append(issue("fml.variant-concepts", where=f"{name}:1:1", reason="it is no ConceptMap with a url"))
        return []
    return [found]


def _variant(
    name: str, read: Mapping[str, Folder], old: Variant | None, models: tuple[TargetModel, ...]
) -> tuple[Variant | None, list[Issue]]:
    chain: list[Folder] = []
    at: str | None = name
    while at is not None:
        if at not in read or any(one.name == at for one in chain):
            key = "fml.variant-circle" if at in read else "fml.variant-unknown"
            return None, [issue(key, where=f"{chain[-1].name if chain else name}/variant.toml", name=at)]
        chain.append(read[at])
        at = read[at].extends
    chain.reverse()
    digest = hashlib.sha256("\n".join(one.digest for one in chain).encode()).hexdigest()
    if old is not None and old.hash == digest:
        return old, []
    concepts: dict[str, Mapping[str, Any]] = {}
    for folder in chain:
        for one in folder.concepts:
            concepts[one["url"]] = merged(concepts[one["url"]], one) if one["url"] in concepts else one
    # The variant's own maps come first, so that the first group of a set is its own; layers say who replaces whom.
    layers = [folder.maps for folder in chain]
    maps = [one for layer in reversed(layers) for one in layer]
    depth = {id(one): number for number, layer in enumerate(layers) for one in layer}
    compiled, issues = compile_maps(maps, models, concepts.values(), layer=lambda one: depth[id(one)])
    if compiled is None:
        return None, issues
    tables = {key: _inherited([getattr(one, key) for one in chain]) for key in ("entry", "inbound", "dropped")}
    for key in ("entry", "inbound"):
        for kind, group in tables[key].items():
            if compiled.has(group):
                continue
            issues.append(issue("fml.variant-entry", where=f"{name}/variant.toml", name=group, kind=kind))
    if has_errors(issues):
        return None, issues
    made = Variant(
        name, chain[-1].title, tuple(one.name for one in chain), **tables, compiled=compiled,
        concepts=tuple(concepts.values()), hash=digest,
    )  # fmt: skip
    return made, issues


def _inherited(tables: Iterable[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for table in tables:
        found.update(table)
    return {key: value for key, value in found.items() if value}
