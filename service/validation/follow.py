"""Follows the path of a discriminator through an instance.

https://hl7.org/fhir/R4/profiling.html#discriminator
"""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from service.validation.items import Item
from service.validation.run import Run

if TYPE_CHECKING:
    from service.validation.compiler import Compiler

STEP = re.compile(r"[A-Za-z_]\w*\([^()]*\)|\$this|[A-Za-z_]\w*")
CALL = re.compile(r"(\w+)\(\s*(?:'([^']*)'|([\w.]*))\s*\)")


class Value(NamedTuple):
    """What a discriminator's path leads to."""

    value: Any
    sibling: Any
    type: str


class Path:
    """Follows a discriminator's path through an instance."""

    def __init__(self, compiler: "Compiler", steps: list[str]) -> None:
        self._rules = compiler.rules
        self._steps = steps

    def __call__(self, item: Item, run: Run) -> list[Value]:
        values = [Value(item.value, item.sibling, item.type)]
        for step in self._steps:
            call = CALL.fullmatch(step)
            if call is None:
                values = [inner for one in values for inner in self._named(one, step)]
            elif call[1] == "extension":
                values = [inner for one in values for inner in _extensions(one, call[2])]
            elif call[1] in ("ofType", "as"):
                wanted = call[3] or call[2]
                values = [one for one in values if wanted in (one.type, resource_type(one))]
            elif call[1] == "resolve":
                values = [inner for one in values for inner in self._resolve(one, run)]
        return values

    def _named(self, value: Value, name: str) -> list[Value]:
        node = value.value
        if type(node) is not dict:
            return []
        type_name = resource_type(value) or value.type
        entries = self._rules.model.child(type_name, name) or ((name, "Element"),)
        found = []
        for key, inner_type in entries:
            inner, sibling = node.get(key), node.get("_" + key)
            if type(inner) is list:
                siblings = sibling if type(sibling) is list else []
                for index, one in enumerate(inner):
                    found.append(Value(one, siblings[index] if index < len(siblings) else None, inner_type))
            elif inner is not None or type(sibling) is dict:
                found.append(Value(inner, sibling, inner_type))
        return found

    def _resolve(self, value: Value, run: Run) -> list[Value]:
        """The target; where only its type can be told, something of that type."""
        node = value.value
        references = self._rules.references
        if type(node) is dict and type(node.get("reference")) is str:
            found = references.resolve(node["reference"], run)
            if found is not None:
                return [Value(found, None, str(found.get("resourceType")))]
        if type(node) is dict and (name := references.target_type(node, run)) is not None:
            return [Value({"resourceType": name}, None, name)]
        return []


def _extensions(value: Value, url: str | None) -> list[Value]:
    holder = value.value if type(value.value) is dict else value.sibling
    rows = holder.get("extension") if type(holder) is dict else None
    return [
        Value(one, None, "Extension")
        for one in (rows if type(rows) is list else ())
        if type(one) is dict and one.get("url") == url
    ]


def resource_type(value: Value) -> str | None:
    """The type of a resource, as it says itself; None for anything else."""
    name = value.value.get("resourceType") if type(value.value) is dict else None
    return name if type(name) is str else None
