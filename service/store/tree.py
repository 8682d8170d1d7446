"""All search parameters of a type as one tree of keys, so that a resource is walked once for all of them.

An expression that is no path stays FHIRPath and is evaluated as such.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from service.fhir.definitions import Definitions
from service.fhir.path import PathError
from service.store.paths import Step, alternatives, steps
from service.store.rows import CONVERT, INNER, Convert, Rows
from service.store.values import number

State = tuple["Node", str, str]
"""Where a path has come to: the node, the FHIR type of what stands there, and its element path for the binding."""


class Kinded(Protocol):
    """What the tree needs to know of the component of a composite parameter."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> int: ...
    def identifier(self) -> int: ...


class Node:
    """One key: what to do with its values, which keys below matter, and conditions with nodes of their own."""

    __slots__ = ("actions", "children", "tests")

    def __init__(self) -> None:
        self.actions: list[Convert] = []
        self.children: dict[str, Node] = {}
        self.tests: list[tuple[Step, Callable[[Any], bool], Node]] = []


def collect(root: Node, content: Any, rows: Rows) -> None:
    """Collect in `rows` what the tree finds in `content`."""
    found = [(root, content)]
    # It grows while it is gone through.
    for node, value in found:
        for action in node.actions:
            action(value, rows)
        for _, holds, below in node.tests:
            if holds(value):
                found.append((below, value))
        children = node.children
        if not children or type(value) is not dict:
            continue
        # What a value has is less than what it could have.
        for key in value:
            if key in children:
                child, one = children[key], value[key]
                if type(one) is list:
                    for each in one:
                        found.append((child, each))
                else:
                    found.append((child, one))


class Builder:
    """Grows the tree of one resource type."""

    def __init__(self, definitions: Definitions, type_name: str) -> None:
        self.definitions = definitions
        self.type = type_name
        self.root = Node()
        self._systems: dict[str, int] = {}

    def add(self, expression: str, kind: str, param: int, identifier: int) -> None:
        """Index what `expression` gives as `kind` under the number `param`."""
        self._add((self.root, self.type, self.type), expression, kind, param, identifier)

    def composite(self, expression: str, components: Sequence[Kinded], expressions: Iterable[str]) -> None:
        """Index the components of each element that `expression` gives, with a number that holds them together."""
        inner = list(zip(components, expressions, strict=True))
        for alternative in alternatives(expression):
            for node, type_name, path in self._follow((self.root, self.type, self.type), alternative):
                below = Node()
                for component, own in inner:
                    self._add((below, type_name, path), own, component.kind, component.id, component.identifier())
                node.actions.append(_grouped(below))

    def leading(self, expression: str) -> frozenset[str]:
        """The alternatives of `expression` that lead to any element of the type."""
        found = alternatives(expression)
        return frozenset(
            one for one in found if steps(one, self.type) is None or self._follow((Node(), self.type, self.type), one)
        )

    def _add(self, start: State, expression: str, kind: str, param: int, identifier: int) -> None:
        for alternative in alternatives(expression):
            if steps(alternative, self.type) is None:
                self._evaluated(start, alternative, kind, param, identifier)
                continue
            for node, type_name, path in self._follow(start, alternative):
                further = identifier if kind == "reference" else self._system(path) if kind == "token" else 0
                keys, type_of_inner = INNER.get((kind, type_name), ((), type_name))
                convert = CONVERT[kind](type_of_inner, param, further)
                if convert is not None:
                    for one in [node.children.setdefault(key, Node()) for key in keys] or [node]:
                        one.actions.append(convert)

    def _evaluated(self, start: State, expression: str, kind: str, param: int, identifier: int) -> None:
        # FHIRPath is loaded with the first expression that is more than steps.
        from service.fhir.path import compile_values

        node, type_name, _ = start
        values = compile_values(expression, model=self.definitions.model, context=type_name)
        # Only conditions are written so: what they give is a Boolean.
        convert = CONVERT[kind]("boolean", param, identifier)
        if convert is not None and kind == "token":
            node.actions.append(_each(values, convert))

    def _follow(self, start: State, expression: str) -> list[State]:
        states = [start]
        for step in steps(expression, self.type) or ():
            states = [further for state in states for further in self._step(state, step)]
        return states

    def _step(self, state: State, step: Step) -> list[State]:
        node, type_name, path = state
        if step[0] == "child":
            entries = self.definitions.model.child(type_name, step[1]) or ()
            return [(node.children.setdefault(key, Node()), kind, f"{path}.{step[1]}") for key, kind in entries]
        if step[0] == "as":
            return [state] if type_name.lower() == step[1].lower() else []
        if step[0] in ("is", "equals"):
            return [(_condition(node, step), type_name, path)]
        return []

    def _system(self, path: str) -> int:
        """The system that a code at `path` belongs to without saying so: the only one of its required value set."""
        if not self._systems:
            structure = self.definitions.structure(self.type) or {}
            self._systems[""] = 0
            for element in structure.get("snapshot", {}).get("element", ()):
                binding = element.get("binding", {})
                if binding.get("strength") == "required" and "valueSet" in binding:
                    self._systems[element["path"]] = self._only_system(binding["valueSet"])
        return self._systems.get(path, 0)

    def _only_system(self, canonical: str) -> int:
        value_set = self.definitions.value_set(canonical) or {}
        included = {one.get("system") for one in value_set.get("compose", {}).get("include", ())}
        only = included.pop() if len(included) == 1 else None
        return number(only) if only else 0


def _grouped(below: Node) -> Convert:
    def together(value: Any, rows: Rows) -> None:
        rows.parts = min(rows.parts + 1, 32767)
        rows.part = rows.parts
        collect(below, value, rows)
        rows.part = 0

    return together


def _each(values: Callable[..., list[Any]], convert: Convert) -> Convert:
    def each(value: Any, rows: Rows) -> None:
        try:
            found = values(value)
        except PathError:  # Of a resource that is not valid: what cannot be evaluated is not there to be found.
            return
        for one in found:
            convert(one, rows)

    return each


def _condition(node: Node, step: Step) -> Node:
    for known, _, below in node.tests:
        if known == step:
            return below
    made = Node()
    holds = _refers(step[1]) if step[0] == "is" else _equals(step[1], step[2])
    node.tests.append((step, holds, made))
    return made


def _equals(key: str, wanted: str) -> Callable[[Any], bool]:
    return lambda value: type(value) is dict and value.get(key) == wanted


def _refers(target: str) -> Callable[[Any], bool]:
    """Whether a Reference leads to a resource of that type, as far as the reference itself tells."""
    relative, inside = f"{target}/", f"/{target}/"

    def holds(value: Any) -> bool:
        if type(value) is not dict:
            return False
        found = value.get("reference")
        if type(found) is str and (found.startswith(relative) or inside in found):
            return True
        return value.get("type") == target

    return holds
