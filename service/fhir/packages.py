"""FHIR packages (`.tgz`): read with care, kept in a folder, cached beside it in their trimmed form.

https://hl7.org/fhir/packages.html, https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.fhir import json
from service.fhir.archives import ArchiveError, files_of
from service.fhir.pack import Pack, PackError, memory, open_pack, pack, unpack
from service.fhir.shapes import misshapen
from service.fhir.trim import CONFORMANCE, trim
from service.issues import Issue, has_errors, issue

CACHE = ".cache"
CORE_NAMES = ("hl7.fhir.r4.core", "hl7.fhir.core")
# Part of what makes a cached package valid: to be raised when `trim` or `pack` change what they write.
CACHE_FORMAT = 3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


class PackageError(ValueError):
    """A package that cannot be used; `issues` say what is wrong with it."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__("; ".join(one.text() for one in issues))
        self.issues = issues


@dataclass(frozen=True, slots=True)
class Loaded:
    """The packages of a folder, in the order of their dependencies, and what is wrong with them."""

    packages: tuple[Pack, ...]
    issues: tuple[Issue, ...]


def read_package(file: Path, cache: Path | None = None) -> Pack:
    """The conformance resources of the package in `file`; `PackageError` where it cannot be used.

    With a `cache` folder the trimmed form is kept there, and read back while the package stays the same.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PackageError([issue("definitions.package-unreadable", file=file.name, reason=error.strerror)]) from None
    digest = f"{CACHE_FORMAT}-{hashlib.sha256(data).hexdigest()}"
    kept = cache / f"{file.name}.pack" if cache else None
    if kept and (found := _cached(kept, digest)):
        return found
    resources, meta = _read(data, file.name)
    meta["source"] = digest
    if kept is None:
        return memory(resources, meta)
    packed = pack(resources, meta)
    # A folder that cannot be written to only costs the time to read the package again at the next start.
    with contextlib.suppress(OSError):
        _write(kept, packed)
    return unpack(packed)


def read_folder(folder: Path, name: str) -> Pack:
    """The conformance resources (`*.json`) anywhere under `folder` as one layer; `PackageError` for broken files."""
    issues: list[Issue] = []
    resources: list[dict[str, Any]] = []
    left_out: list[tuple[str, str]] = []
    for file in sorted(folder.rglob("*.json")):
        path = str(file.relative_to(folder))
        resources += _conformance(_parse(file.read_bytes(), path, issues), path, left_out)
    issues += [issue("definitions.package-file", file=path, reason=reason) for path, reason in left_out]
    if issues:
        raise PackageError(issues)
    return memory(resources, {"name": name})


def load_packages(folder: Path) -> Loaded:
    """Every package in `folder`, dependencies first; one that is broken is left out and told in the issues."""
    packages: list[Pack] = []
    issues: list[Issue] = []
    for file in sorted(folder.glob("*.tgz")):
        try:
            packages.append(read_package(file, folder / CACHE))
        except PackageError as error:
            issues += error.issues
    return Loaded(tuple(_ordered(packages)), (*issues, *left_out(packages), *missing_dependencies(packages)))


def add_package(file: Path, folder: Path) -> Loaded:
    """Copy the package into `folder` as `<name>-<version>.tgz`; gives it back with warnings about what it lacks.

    `PackageError` where it cannot be used; then nothing is written.
    """
    found = read_package(file)
    target = folder / f"{found.meta['name']}-{found.meta['version']}.tgz"
    folder.mkdir(parents=True, exist_ok=True)
    _write(target, file.read_bytes())
    added = read_package(target, folder / CACHE)
    everything = load_packages(folder).packages
    own = [one for one in missing_dependencies(everything) if one.params.get("package") == _label(added)]
    return Loaded((added,), (*left_out([added]), *own))


def list_packages(folder: Path) -> list[dict[str, Any]]:
    """One row a package in `folder`: name, version, title, file, how many resources of each kind, issues."""
    rows: list[dict[str, Any]] = []
    for file in sorted(folder.glob("*.tgz")) if folder.is_dir() else ():
        try:
            rows.append({"file": file.name, **summary(read_package(file, folder / CACHE)), "issues": []})
        except PackageError as error:
            rows.append({"file": file.name, "issues": error.issues})
    return rows


def summary(package: Pack) -> dict[str, Any]:
    """Name, version, title, canonical, dependencies of a package and its resources counted by kind."""
    counts: dict[str, int] = {}
    for row in package.rows:
        counts[row.kind] = counts.get(row.kind, 0) + 1
    keys = ("name", "version", "title", "canonical", "license", "fhirVersions", "dependencies")
    return {key: package.meta[key] for key in keys if key in package.meta} | {"resources": dict(sorted(counts.items()))}


def show_package(package: Pack) -> dict[str, Any]:
    """The summary of a package with every resource in it: kind, url, version, name, and the type of a profile."""
    rows = [
        {"kind": row.kind, "url": row.url, "version": row.version, "name": row.name}
        | ({"type": row.info["type"]} if "type" in row.info else {})
        for row in package.rows
    ]
    return summary(package) | {"contents": sorted(rows, key=lambda row: (row["kind"], row["url"]))}


def left_out(packages: Iterable[Pack]) -> list[Issue]:
    """A warning for each definition of the packages that is out of shape, and so is not used."""
    return [
        issue("definitions.package-part", package=_label(one), file=path, reason=reason)
        for one in packages
        for path, reason in one.meta.get("leftOut", ())
    ]


def missing_dependencies(packages: Iterable[Pack]) -> list[Issue]:
    """A warning for each package that another one needs and that is not there in that version."""
    known = list(packages)
    have = {one.meta.get("name"): set[str]() for one in known}
    for one in known:
        have[one.meta.get("name")].add(str(one.meta.get("version")))
    found = []
    for one in known:
        for name, version in one.meta.get("dependencies", {}).items():
            if name in CORE_NAMES or version in have.get(name, ()):
                continue
            key = "definitions.dependency-version" if name in have else "definitions.dependency-missing"
            there = ", ".join(sorted(have.get(name, ())))
            found.append(issue(key, package=_label(one), name=name, version=version, there=there))
    return found


def _read(data: bytes, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    issues: list[Issue] = []
    resources: list[dict[str, Any]] = []
    misshapen_files: list[tuple[str, str]] = []
    manifest: Any = None
    try:
        for path, content in files_of(data):
            if path == "package/package.json":
                manifest = _parse(content, path, issues)
            elif path.startswith(tuple(f"package/{kind}" for kind in CONFORMANCE)) or b'"url"' in content:
                resources += _conformance(_parse(content, path, issues), path, misshapen_files)
    except ArchiveError as error:
        issues.append(issue("definitions.package-unreadable", file=name, reason=str(error)))
    if not issues:
        issues += _check_manifest(manifest, name)
    if has_errors(issues):
        raise PackageError(issues)
    keys = ("name", "version", "title", "canonical", "license", "fhirVersions", "dependencies")
    return resources, {key: manifest[key] for key in keys if key in manifest} | {"leftOut": misshapen_files}


def _check_manifest(manifest: Any, file: str) -> list[Issue]:
    if not isinstance(manifest, dict):
        return [issue("definitions.package-manifest", file=file)]
    names = [manifest.get("name"), manifest.get("version")]
    if not all(isinstance(one, str) and _NAME.fullmatch(one) for one in names):
        return [issue("definitions.package-manifest", file=file)]
    versions = [str(one) for one in manifest.get("fhirVersions") or manifest.get("fhir-version-list") or ["4.0.1"]]
    if not any(one.startswith("4.0") for one in versions):
        return [issue("definitions.package-fhir-version", file=file, version=", ".join(versions))]
    dependencies = manifest.get("dependencies", {})
    if not isinstance(dependencies, dict) or not all(isinstance(one, str) for one in dependencies.values()):
        return [issue("definitions.package-manifest", file=file)]
    return []


def _parse(content: bytes, path: str, issues: list[Issue]) -> Any:
    try:
        return json.parse(content)
    except json.JsonError as error:
        issues.append(issue("definitions.package-file", file=path, reason=error.issue.text()))
        return None


def _conformance(resource: Any, path: str, left_out: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The trimmed resource, or nothing where it is no definition; one that is out of shape goes to `left_out`."""
    if not isinstance(resource, dict) or resource.get("resourceType") not in CONFORMANCE:
        return []
    if not resource.get("url"):
        return []
    if reason := misshapen(resource):
        left_out.append((path, reason))
        return []
    return [trim(resource)]


def _cached(file: Path, digest: str) -> Pack | None:
    """The cached form, if it is there, whole, and made from that package."""
    try:
        found = open_pack(file)
    except (OSError, PackError):
        return None
    return found if found.meta.get("source") == digest else None


def _write(file: Path, data: bytes) -> None:
    """Put `data` in place at once, so that no reader ever sees half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False) as scratch:
        scratch.write(data)
    part = Path(scratch.name)
    part.chmod(0o644)
    part.replace(file)


def _ordered(packages: list[Pack]) -> list[Pack]:
    """Dependencies before what needs them; versions of one package oldest first."""
    waiting = sorted(packages, key=lambda one: (str(one.meta["name"]), _release(str(one.meta["version"]))))
    names = {one.meta["name"] for one in waiting}
    done: list[Pack] = []
    placed: set[str] = set()
    while waiting:
        free = [one for one in waiting if not (set(one.meta.get("dependencies", {})) & names) - placed]
        for one in free or waiting[:1]:
            waiting.remove(one)
            done.append(one)
            placed.add(one.meta["name"])
    return done


def _release(version: str) -> tuple[list[int], bool, str]:
    """A sort key: 1.0.0 < 2.0.0-rc2 < 2.0.0."""
    number, _, label = version.partition("-")
    return [int(part) if part.isdigit() else 0 for part in number.split(".")], not label, label


def _label(package: Pack) -> str:
    return f"{package.meta.get('name')}#{package.meta.get('version')}"
