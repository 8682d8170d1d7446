"""One variant as it lies on disk: what is in its folder, read and checked.

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
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service import assets
from service.fhir.json import JsonError, parse
from service.issues import LANGUAGES, Issue, has_errors, issue
from service.mapping.later import Later, now

if TYPE_CHECKING:
    from service.mapping.model import Map

OVERLAY = "source.schema.json"
_KEYS = frozenset({"name", "extends", "title", "entry", "inbound", "dropped", "applies"})
_APPLIES = frozenset({"models", "counties", "municipalities", "organisations"})


class BrokenError(ValueError):
    """Maps that travel with the program and have an error; `issues` say where."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(one.text() for one in issues))
        self.issues = list(issues)


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
    maps: "Later[tuple[Map, ...]]"
    concepts: tuple[Mapping[str, Any], ...]
    overlay: Mapping[str, Any] | None
    has_maps: bool
    digest: str

    @property
    def changes_maps(self) -> bool:
        """Whether the maps of this folder differ from those that it extends."""
        return self.has_maps or bool(self.concepts or self.overlay)


def read(path: Path) -> tuple[Folder | None, list[Issue]]:
    """The variant in the folder `path` and what is wrong with it; None where an error leaves no variant.

    Maps that travel with the program are parsed when they are first used; tests check them.
    """
    issues: list[Issue] = []
    settings = _settings(path / "variant.toml", issues)
    digest = hashlib.sha256()
    texts: list[tuple[str, str]] = []
    concepts: list[Mapping[str, Any]] = []
    overlay: Mapping[str, Any] | None = None
    files = [*path.glob("*.map"), *path.glob("concepts/*.json"), *path.glob(OVERLAY), path / "variant.toml"]
    for file in sorted(files):
        data = file.read_bytes()
        name = file.relative_to(path.parent).as_posix()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
        if file.suffix == ".map":
            texts.append((name, data.decode("utf-8", "replace")))
        elif file.name == OVERLAY:
            overlay = _json(data, name, issues)
        elif file.suffix == ".json":
            concepts += _concepts(data, name, issues)
    maps = Later(lambda: _parsed(texts))
    if not is_shipped(path):
        found, problems = _parse(texts)
        issues += problems
        maps = now(found)
    if has_errors(issues) or settings is None:
        return None, issues
    tables = {key: settings.get(key, {}) for key in ("title", "entry", "inbound", "dropped")}
    made = Folder(
        path.name, path, settings.get("extends"), **tables, applies=settings.get("applies", {}), maps=maps,
        concepts=tuple(concepts), overlay=overlay, has_maps=bool(texts), digest=digest.hexdigest(),
    )  # fmt: skip
    return made, issues


def is_shipped(path: Path) -> bool:
    """Whether the variant in that folder travels with the program."""
    return path.parent == assets.mappings()


def _parse(texts: Iterable[tuple[str, str]]) -> "tuple[tuple[Map, ...], list[Issue]]":
    # The parser is loaded with the first map.
    from service.mapping.parser import parse_map

    maps: list[Map] = []
    issues: list[Issue] = []
    for name, text in texts:
        found, problems = parse_map(text, name)
        issues += problems
        maps += [found] if found else []
    return tuple(maps), issues


def _parsed(texts: Iterable[tuple[str, str]]) -> "tuple[Map, ...]":
    maps, issues = _parse(texts)
    if has_errors(issues):
        raise BrokenError(issues)
    return maps


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
