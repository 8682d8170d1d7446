"""The search parameters of every type, from the official SearchParameters, and the extraction compiled from them.

https://hl7.org/fhir/R4/search.html, https://hl7.org/fhir/R4/searchparameter-registry.html
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from service.fhir.definitions import Definitions
from service.store.rows import Rows
from service.store.tree import Builder, Node, collect
from service.store.values import number

# Kinds of parameters, and in which index table their rows stand.
TABLES: Mapping[str, str] = MappingProxyType(
    {
        "token": "token",
        "uri": "token",
        "reference": "reference",
        "string": "string",
        "date": "date",
        "quantity": "quantity",
        "number": "quantity",
    }
)
# Answered from the resource's own row.
OF_ROW = frozenset({"_id", "_lastUpdated"})
IDENTIFIER = ":identifier"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one type: `id` is its number in the index; `targets` the types a reference may lead to.

    `components` are those of a composite, in their order. What two parameters find alike, as Patient's `phonetic` and
    `name`, stands in the index once, under the number of the one whose code is `alike`.
    """

    type: str
    code: str
    kind: str
    id: int
    definition: str
    targets: tuple[str, ...] = ()
    components: tuple["Parameter", ...] = ()
    alike: str = ""

    def identifier(self) -> int:
        """The number under which the identifiers of a reference are indexed."""
        return parameter_id(self.type, (self.alike or self.code) + IDENTIFIER)


def parameter_id(type_name: str, code: str) -> int:
    """The number of a parameter: 31 bits of a hash, the same in every installation."""
    return number(f"{type_name}.{code}") & 0x7FFFFFFF


class Parameters:
    """Search parameters by type, and `extract(resource)`; each type is compiled when it is first asked for."""

    def __init__(self, definitions: Definitions, base_urls: tuple[str, ...] = ()) -> None:
        self.definitions = definitions
        self.base_urls = base_urls
        self.of: Callable[[str], Mapping[str, Parameter]] = functools.cache(self._of)
        self._tree: Callable[[str], Node] = functools.cache(self._compile)

    def extract(self, resource: Mapping[str, Any], rid: int = 0, rows: Rows | None = None) -> Rows:
        """The index rows of a resource (FHIR JSON) with the number `rid`, added to `rows` where these are given.

        Whatever is malformed in it is left out.
        """
        rows = Rows() if rows is None else rows
        rows.begin(rid, self.base_urls)
        collect(self._tree(resource["resourceType"]), resource, rows)
        return rows

    def _of(self, type_name: str) -> Mapping[str, Parameter]:
        builder = Builder(self.definitions, type_name)
        known = self.definitions.search_parameters(type_name)
        places = {code: (one["type"], builder.leading(one.get("expression", ""))) for code, one in known.items()}
        # By their codes backwards, so that the first one stays for each.
        first = {places[code]: code for code in sorted(known, reverse=True)}
        found: dict[str, Parameter] = {}
        for code, definition in known.items():
            # R4 has some that lead nowhere, as Patient's `part-agree`: they are not there to be promised.
            if code not in OF_ROW and not places[code][1]:
                continue
            made = self._parameter(type_name, code, definition, first[places[code]])
            if made is not None:
                found[code] = made
        return MappingProxyType(found)

    def _parameter(self, type_name: str, code: str, definition: Mapping[str, Any], first: str) -> Parameter | None:
        kind, url = definition["type"], definition["url"]
        if not definition.get("expression"):
            return None
        if kind == "composite":
            parts = [self._component(type_name, f"{code}${at}", one) for at, one in enumerate(definition["component"])]
            components = tuple(one for one in parts if one is not None)
            whole = Parameter(type_name, code, kind, parameter_id(type_name, code), url, components=components)
            return whole if len(components) == len(parts) else None
        if kind not in TABLES:
            return None
        targets, alike = self._targets(definition), "" if first == code else first
        return Parameter(type_name, code, kind, parameter_id(type_name, first), url, targets, alike=alike)

    def _component(self, type_name: str, code: str, component: Mapping[str, Any]) -> Parameter | None:
        definition = self.definitions.get("SearchParameter", component["definition"])
        if definition is None or definition["type"] not in TABLES:
            return None
        number_ = parameter_id(type_name, code)
        return Parameter(type_name, code, definition["type"], number_, definition["url"], self._targets(definition))

    def _targets(self, definition: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(definition.get("target", ())) if definition["type"] == "reference" else ()

    def _compile(self, type_name: str) -> Node:
        builder = Builder(self.definitions, type_name)
        known = self.definitions.search_parameters(type_name)
        for code, parameter in self.of(type_name).items():
            if code in OF_ROW or parameter.alike:
                continue
            definition = known[code]
            if parameter.kind == "composite":
                expressions = [one["expression"] for one in definition["component"]]
                builder.composite(definition["expression"], parameter.components, expressions)
            else:
                builder.add(definition["expression"], parameter.kind, parameter.id, parameter.identifier())
        return builder.root
