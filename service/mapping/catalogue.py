"""Mapping variants: folders of maps and ConceptMaps over a base, compiled as one set each.

`entry`, `inbound` and `dropped` are inherited and may be replaced key by key (`""` takes a dropped element back).
A file `source.schema.json` beside it gives the source documents more fields (see `service/intake/schema.py`).
Of several variants that apply to a document, the one with the most conditions maps it; then the one further from the
base; then the first by name.
A group of a variant replaces the group of the same name in what it extends, also for the groups there that call it;
it may itself say `extends` with its own name and means the replaced one. Rows of a ConceptMap replace the rows of the
same code in the ConceptMap of the same url. A folder with an error is refused, and what was loaded before stays.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.issues import Issue, has_errors, issue
from service.mapping.conceptmaps import merged
from service.mapping.folder import OVERLAY, BrokenError, Folder, is_shipped, read
from service.mapping.later import Later, now

if TYPE_CHECKING:
    from service.mapping.compiler import Compiled
    from service.mapping.shapes import TargetModel

Overlays = tuple[Mapping[str, Any], ...]
"""What the folders of a variant add to the JSON Schemas of the source documents, from the base on."""
Models = Callable[[Overlays], tuple[Iterable["TargetModel"], list[Issue]]]
"""The types of the maps of a variant with those overlays, and what is wrong with the overlays."""


def _organisation(document: Mapping[str, Any]) -> Any:
    source = document.get("source")
    return source.get("organisation") if isinstance(source, dict) else None


_GIVEN: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "models": lambda document: document.get("model"),
    "counties": lambda document: document.get("county"),
    "municipalities": lambda document: document.get("municipality"),
    "organisations": _organisation,
}
"""What a document says for each condition of `[applies]`."""


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
    concepts: tuple[Mapping[str, Any], ...]
    hash: str
    _compiled: "Later[Compiled]"

    @property
    def compiled(self) -> "Compiled":
        """The maps; those that travel with the program are compiled when this is first asked for."""
        return self._compiled.get()

    def conditions(self, document: Mapping[str, Any]) -> int | None:
        """How many conditions of `[applies]` the document fulfils; None where it does not fulfil one."""
        for name, values in self.applies.items():
            if _GIVEN[name](document) not in values:
                return None
        return len(self.applies)


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
        given = document if isinstance(document, dict) else {}
        rated = [
            (-conditions, -len(one.chain), one.name)
            for one in self.variants.values()
            if (conditions := one.conditions(given)) is not None
        ]
        return self.variants[min(rated)[2]] if rated else issue("mapping.none-applies")

    def reload(self) -> tuple["Catalogue", list[Issue]]:
        """The catalogue as the folders are now; of a variant that has an error now, the last good one stays."""
        issues: list[Issue] = []
        folders: dict[str, Folder] = {}
        for place in self.folders:
            for path in sorted(one.parent for one in place.glob("*/variant.toml")):
                found, problems = read(path)
                issues += problems
                if found is not None:
                    folders[found.name] = found
        variants: dict[str, Variant] = {}
        for name in sorted(folders, key=lambda one: (len(_chain(one, folders)), one)):
            old = self.variants.get(name)
            made, problems = _variant(name, folders, old, self.models, variants)
            issues += [one for one in problems if one not in issues]
            if made is not None or old is not None:
                variants[name] = made or old  # type: ignore[assignment]
        kept = {name: one for name, one in self.variants.items() if _on_disk(name, self.folders)}
        return replace(self, variants={**kept, **variants}), issues


def _on_disk(name: str, folders: Iterable[Path]) -> bool:
    return any((place / name / "variant.toml").exists() for place in folders)


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
    trusted = old is None and all(is_shipped(one.path) for one in chain)
    issues: list[Issue] = []
    if parent is not None and not own.changes_maps:
        compiled: Later[Compiled] = parent._compiled
        concepts = {one["url"]: one for one in parent.concepts}
    else:
        concepts = _merged_concepts(chain)
        if trusted:
            compiled = Later(lambda: _trusted(chain, models, concepts))
        else:
            found, issues = _compiled(chain, models, concepts, check=True)
            if found is None:
                return None, issues
            compiled = now(found)
    tables = {key: _inherited([getattr(one, key) for one in chain]) for key in ("entry", "inbound", "dropped")}
    issues += [] if trusted else _missing_groups(name, tables, compiled)
    if has_errors(issues):
        return None, issues
    return Variant(
        name, own.path, own.title, tuple(one.name for one in chain), **tables, applies=own.applies,
        overlays=_overlays(chain), concepts=tuple(concepts.values()), hash=digest, _compiled=compiled,
    ), issues  # fmt: skip


def _missing_groups(name: str, tables: Mapping[str, Mapping[str, str]], compiled: "Later[Compiled]") -> list[Issue]:
    """Groups that `variant.toml` names and no map has."""
    return [
        issue("fml.variant-entry", where=f"{name}/variant.toml", name=group, kind=kind)
        for key in ("entry", "inbound")
        for kind, group in tables[key].items()
        if not compiled.get().has(group)
    ]


def _trusted(chain: Sequence[Folder], models: Models, concepts: Mapping[str, Mapping[str, Any]]) -> "Compiled":
    """The maps that travel with the program: they were checked when it was made."""
    found, issues = _compiled(chain, models, concepts, check=False)
    if found is None:
        raise BrokenError(issues)
    return found


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
) -> "tuple[Compiled | None, list[Issue]]":
    # The compiler is loaded with the first set of maps: it is a twelfth of the start.
    from service.mapping.compiler import compile_maps

    types, issues = models(_overlays(chain))
    if has_errors(issues):
        return None, [replace(one, where=one.where or f"{chain[-1].name}/{OVERLAY}") for one in issues]
    # The variant's own maps come first, so that the first group of a set is its own; layers say who replaces whom.
    layers = [folder.maps.get() for folder in chain]
    maps = [one for layer in reversed(layers) for one in layer]
    depth = {id(one): number for number, layer in enumerate(layers) for one in layer}
    return compile_maps(maps, types, concepts.values(), layer=lambda one: depth[id(one)], check=check)


def _inherited(tables: Iterable[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for table in tables:
        found.update(table)
    return {key: value for key, value in found.items() if value}
