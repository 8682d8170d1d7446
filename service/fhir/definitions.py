"""What is defined: R4 core and any packages over it, each definition read only when it is asked for.

https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/R4/references.html#canonical
"""

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from service import assets
from service.fhir.model import TypeModel
from service.fhir.pack import Pack, Row, memory, open_pack
from service.fhir.packages import read_folder
from service.fhir.snapshot import generate
from service.fhir.trim import trim
from service.issues import Issue

FHIR_VERSION = "4.0.1"
FINNISH = ("hl7.fhir.fi.base", "hl7.fhir.fi.scheduling")
"""The packs that `schemas/tools/build_finnish.py` makes."""
_HL7 = ("http://hl7.org/fhir/", "http://terminology.hl7.org/")
TYPE_ROOT = "http://hl7.org/fhir/StructureDefinition/"


class Definitions:
    """Conformance resources in layers; of two with one canonical url, the later layer wins.

    Every canonical may carry a version (`url|version`); `4.0` stands for any `4.0.x`. What is returned is shared and
    must not be changed.
    """

    def __init__(self, layers: Iterable[Pack]) -> None:
        self.layers = tuple(layers)
        self.snapshot_issues: dict[str, tuple[Issue, ...]] = {}
        self._structures: dict[str, dict[str, Any] | None] = {}
        self._made: dict[tuple[int, str, str], dict[str, Any] | None] = {}
        self._making: set[tuple[int, str, str]] = set()
        self._lock = threading.RLock()

    def with_packages(self, packages: Iterable[Pack]) -> "Definitions":
        """These definitions with more layers over them."""
        return Definitions((*self.layers, *packages))

    def with_resources(self, resources: Iterable[dict[str, Any]], name: str = "resources") -> "Definitions":
        """These definitions with more conformance resources (FHIR JSON) over them."""
        return self.with_packages([memory([trim(one) for one in resources], {"name": name})])

    def structure(self, name: str) -> dict[str, Any] | None:
        """The StructureDefinition of a type name or canonical url, always with a snapshot; None where unknown.

        A snapshot that is made from a differential leaves what was wrong with it in `snapshot_issues[url]`.
        """
        if name not in self._structures:
            self._structures[name] = self._structure(name, len(self.layers))
        return self._structures[name]

    def value_set(self, canonical: str) -> dict[str, Any] | None:
        return self.get("ValueSet", canonical)

    def code_system(self, canonical: str) -> dict[str, Any] | None:
        return self.get("CodeSystem", canonical)

    def get(self, kind: str, canonical: str) -> dict[str, Any] | None:
        """The resource of that kind and canonical url, as it was given; None where unknown."""
        found = self._find(kind, canonical, len(self.layers))
        return self.layers[found[0]].load(found[1]) if found else None

    def rows(self, kind: str) -> Iterator[Row]:
        """The index rows of every resource of that kind, nothing read; of several with one url, the one that wins."""
        seen: set[str] = set()
        for layer in reversed(self.layers):
            for row in reversed(layer.rows):
                if row.kind == kind and row.url not in seen:
                    seen.add(row.url)
                    yield row

    @functools.cached_property
    def _kinds(self) -> Mapping[str, str]:
        rows = (row for row in self.rows("StructureDefinition") if row.url.startswith(TYPE_ROOT))
        own = (row for row in rows if row.info.get("derivation") != "constraint" and row.info["kind"] != "logical")
        return MappingProxyType(dict(sorted((row.info["type"], row.info["kind"]) for row in own)))

    def types(self) -> Mapping[str, str]:
        """Every type by name, with its kind: `resource`, `complex-type` or `primitive-type`."""
        return self._kinds

    def search_parameters(self, resource_type: str) -> Mapping[str, dict[str, Any]]:
        """The SearchParameters of a resource type by their code, those of its base types included."""
        return self._search(resource_type)

    @functools.cached_property
    def model(self) -> TypeModel:
        """The type model for FHIRPath."""
        return TypeModel(self.structure, self._kinds)

    @functools.cached_property
    def _search(self) -> Callable[[str], Mapping[str, dict[str, Any]]]:
        by_type: dict[str, list[tuple[Pack, Row]]] = {}
        for layer in self.layers:
            for row in layer.rows:
                if row.kind == "SearchParameter":
                    for base in row.info.get("base", ()):
                        by_type.setdefault(base, []).append((layer, row))

        @functools.cache
        def of(resource_type: str) -> Mapping[str, dict[str, Any]]:
            if self._kinds.get(resource_type) != "resource":
                return MappingProxyType({})
            bases = ["Resource"]
            if self.model.is_a(resource_type, "DomainResource"):
                bases.append("DomainResource")
            found = [layer.load(row) for base in (*bases, resource_type) for layer, row in by_type.get(base, ())]
            return MappingProxyType({one["code"]: one for one in found})

        return of

    def _find(self, kind: str, canonical: str, below: int) -> tuple[int, Row] | None:
        """Where it lies: in the highest layer under `below` that has it, or else in the highest of all."""
        url, _, version = canonical.partition("|")
        numbers = (*range(below - 1, -1, -1), *range(len(self.layers) - 1, below - 1, -1))
        fallback = None
        for number in numbers:
            for row in reversed(self.layers[number].index.get((kind, url), ())):
                if not version or _same_version(row.version, version):
                    return number, row
                fallback = number, row
        # R4 core says `|4.0.1` of the HL7 terminology it came with, whatever version that calls itself.
        return fallback if version == FHIR_VERSION and url.startswith(_HL7) else None

    def _structure(self, name: str, below: int) -> dict[str, Any] | None:
        place = self._find("StructureDefinition", name if "/" in name or ":" in name else TYPE_ROOT + name, below)
        if place is None:
            return None
        number, row = place
        structure = self.layers[number].load(row)
        if structure.get("snapshot", {}).get("element"):
            return structure
        key = (number, row.url, row.version)
        with self._lock:
            if key in self._making:  # A definition that is its own base finds nothing here instead of looping.
                return None
            if key not in self._made:
                self._making.add(key)
                try:
                    # A layer rests on those under it, also where a later one has another version of what it refers to.
                    self._made[key], issues = generate(structure, lambda name: self._structure(name, number + 1))
                finally:
                    self._making.discard(key)
                self.snapshot_issues[row.url] = tuple(issues)
            return self._made[key]


def _same_version(have: str, wanted: str) -> bool:
    return have == wanted or (wanted.count(".") < 2 and have.startswith(wanted + "."))


@functools.cache
def core() -> Definitions:
    """R4 core (4.0.1), as built by `schemas/tools/build_definitions.py`."""
    return Definitions([open_pack(assets.schemas() / "fhir" / "definitions" / "r4.pack")])


@functools.cache
def ours() -> Definitions:
    """R4 core with the Finnish base and scheduling profiles and our own artefacts over it, in that order."""
    folder = assets.schemas() / "fhir"
    finnish = [open_pack(folder / "definitions" / f"{name}.pack") for name in FINNISH]
    own = sorted(one for one in folder.iterdir() if one.is_dir() and one.name != "definitions")
    return core().with_packages([*finnish, *(read_folder(one, f"yhdessa/{one.name}") for one in own)])
