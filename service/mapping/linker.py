"""What a map can see: its own groups and those it imports, its types, its default groups, its ConceptMaps.

https://hl7.org/fhir/R4/mapping-language.html#7.8.0.4
"""

import difflib
import fnmatch
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.issues import Issue, issue
from service.mapping.conceptmaps import Table, table
from service.mapping.model import Group, Map, Place
from service.mapping.shapes import TargetModel


class Findings:
    """Issues with map places, each noted once."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._seen: set[tuple[str, str, str]] = set()

    def add(self, key: str, at: Place, **params: Any) -> None:
        mark = (key, str(at), str(sorted(params.items(), key=lambda pair: pair[0])))
        if mark not in self._seen:
            self._seen.add(mark)
            self.issues.append(issue(key, where=str(at), line=at.line, column=at.column, **params))


@dataclass(eq=False)
class Unit:
    """One map with what it sees; `groups` holds each visible group with the unit that defines it."""

    map: Map
    types: dict[str, str | None] = field(default_factory=dict)
    groups: dict[str, tuple["Unit", Group]] = field(default_factory=dict)
    defaults: dict[tuple[str, str], tuple["Unit", Group]] = field(default_factory=dict)
    by_source: dict[str, tuple["Unit", Group]] = field(default_factory=dict)
    open_types: bool = False


class Linker:
    """Links maps; what does not fit goes to `findings`."""

    def __init__(
        self,
        maps: Iterable[Map],
        model: TargetModel,
        conceptmaps: Iterable[Mapping[str, Any]],
        findings: Findings,
        layer: Callable[[Map], int] = lambda _: 0,
    ) -> None:
        self.model = model
        self.findings = findings
        self.units = [Unit(one) for one in maps]
        self.replacements: dict[str, tuple[Unit, Group]] = {}
        self.replaced: dict[int, tuple[Unit, Group]] = {}
        self._resources = list(conceptmaps)
        self._tables: dict[tuple[str, str], Table | None] = {}
        for unit in self.units:
            self._name_types(unit)
            self._own_groups(unit)
        imported = {id(unit): self._imported(unit) for unit in self.units}
        for unit in self.units:
            for other in imported[id(unit)]:
                for group in other.map.groups:
                    unit.groups.setdefault(group.name, (other, group))
        self._replace(layer)
        for unit in self.units:
            self._find_defaults(unit, [unit, *imported[id(unit)]])

    def _name_types(self, unit: Unit) -> None:
        unit.open_types = not unit.map.structures
        for one in unit.map.structures:
            found = self.model.resolve(one.url)
            if one.alias:
                unit.types[one.alias] = found
            else:
                tail = one.url.rstrip("/").rpartition("/")[2].partition("|")[0]
                unit.types.setdefault(tail, found)
                unit.open_types = unit.open_types or found is None
                if found is not None:
                    unit.types.setdefault(found.removeprefix("@"), found)

    def type_of(self, unit: Unit, name: str | None, at: Place, *, target: bool = False) -> str | None:
        """The type a name stands for; None where it is unknown, with an issue where it ought not to be."""
        if name is None:
            return None
        root, _, rest = name.partition(".")
        for candidate in (name, root):
            if candidate in unit.types:
                found = unit.types[candidate]
                return found if candidate == name or found is None else self.model.resolve(f"{found}.{rest}")
        resolved = self.model.resolve(name)
        if resolved is None and not unit.open_types:
            self.findings.add("fml.unknown-type", at, name=name, hint=near(name, unit.types))
        return resolved

    def _own_groups(self, unit: Unit) -> None:
        for group in unit.map.groups:
            if group.name in unit.groups:
                first = unit.groups[group.name][1].at
                self.findings.add("fml.duplicate-group", group.at, name=group.name, other=str(first))
            else:
                unit.groups[group.name] = (unit, group)

    def _imported(self, unit: Unit) -> list[Unit]:
        """All units that `unit` imports, directly or through others, each once, in order."""
        found: list[Unit] = []
        todo = [unit]
        while todo:
            one = todo.pop(0)
            for import_ in one.map.imports:
                others = [other for other in self.units if other is not one]
                matching = [other for other in others if _matches(import_.url, other.map.url)]
                if not matching:
                    key = "fml.import-empty" if "*" in import_.url else "fml.import-missing"
                    self.findings.add(key, import_.at, url=import_.url)
                for other in matching:
                    if other is not unit and other not in found:
                        found.append(other)
                        todo.append(other)
        return found

    def _replace(self, layer: Callable[[Map], int]) -> None:
        """Puts the group of the highest layer where any of its name is meant."""
        stacks: dict[str, dict[int, tuple[Unit, Group]]] = {}
        for unit in self.units:
            for group in unit.map.groups:
                stacks.setdefault(group.name, {}).setdefault(layer(unit.map), (unit, group))
        for name, stack in stacks.items():
            if len(stack) < 2:
                continue
            order = sorted(stack)
            self.replacements[name] = stack[order[-1]]
            for below, above in itertools.pairwise(order):
                self.replaced[id(stack[above][1])] = stack[below]
            for unit in self.units:
                if name in unit.groups:
                    unit.groups[name] = stack[order[-1]]

    def _find_defaults(self, unit: Unit, visible: list[Unit]) -> None:
        for other in visible:
            for group in other.map.groups:
                if group.type_mode is None or self.replacements.get(group.name, (other, group))[1] is not group:
                    continue
                if len(group.inputs) != 2 or not all(one.type for one in group.inputs):
                    self.findings.add("fml.default-group", group.at, name=group.name)
                    continue
                source = self.type_of(other, group.inputs[0].type, group.inputs[0].at)
                target = self.type_of(other, group.inputs[1].type, group.inputs[1].at, target=True)
                if source is None or target is None:
                    continue
                known = unit.defaults.setdefault((source, target), (other, group))
                if known[1] is not group and known[0] is other:
                    self.findings.add("fml.two-defaults", group.at, name=group.name, other=known[1].name)
                if group.type_mode == "type+":
                    unit.by_source.setdefault(source, (other, group))

    def group(self, unit: Unit, name: str, at: Place) -> tuple[Unit, Group] | None:
        """The group a map means by `name`; an issue and None where there is none."""
        found = unit.groups.get(name)
        if found is None:
            owner = next((one for one in self.units if any(group.name == name for group in one.map.groups)), None)
            others = [one for one in self.units if one is not unit]
            wildcards = [one for one in unit.map.imports if not any(_matches(one.url, u.map.url) for u in others)]
            if owner is not None:
                self.findings.add("fml.group-not-imported", at, name=name, url=owner.map.url)
            elif wildcards:
                self.findings.add("fml.group-maybe-imported", at, name=name, url=wildcards[0].url)
            else:
                self.findings.add("fml.unknown-group", at, name=name, hint=near(name, unit.groups))
        return found

    def conceptmap(self, unit: Unit, url: str) -> Table | None:
        """The ConceptMap of that url, `#id` (embedded in the map) or `map url#id`; None where there is none."""
        base, mark, fragment = url.partition("#")
        key = (base or unit.map.url, fragment) if mark else (url, "")
        if key not in self._tables:
            self._tables[key] = None  # An other-map that leads back here finds nothing instead of looping.
            resource = self._find_conceptmap(unit, base, mark, fragment, url)
            if resource is not None:
                self._tables[key] = table(resource, lambda other: self.conceptmap(unit, other))
        return self._tables[key]

    def _find_conceptmap(self, unit: Unit, base: str, mark: str, fragment: str, url: str) -> Mapping[str, Any] | None:
        if mark:
            owners = [unit] if not base else [one for one in self.units if one.map.url == base]
            for owner in owners:
                for one in owner.map.conceptmaps:
                    if one.get("id") == fragment:
                        return one
            # A rendered map holds its ConceptMaps as contained resources; a folder gives them beside it.
            return next((one for one in self._resources if not base and one.get("id") == fragment), None)
        bare = url.partition("|")[0]
        return next((one for one in reversed(self._resources) if one.get("url") in (url, bare)), None)

    def conceptmap_names(self, unit: Unit) -> list[str]:
        own = [f"#{one.get('id')}" for one in unit.map.conceptmaps]
        return own + [str(one["url"]) for one in self._resources if "url" in one]


def _matches(pattern: str, url: str) -> bool:
    if "*" not in pattern:
        return pattern == url
    escaped = re.sub(r"[\[?]", lambda found: f"[{found[0]}]", pattern)
    return fnmatch.fnmatchcase(url, escaped)


def near(name: str, known: Iterable[str]) -> str:
    """The known name that is most like `name`, or `-`; long names and long lists are not gone through."""
    likely = [one for one in itertools.islice(known, 500) if len(one) <= 100] if len(name) <= 100 else []
    found = difflib.get_close_matches(name, likely, 1, 0.6)
    return found[0] if found else "-"
