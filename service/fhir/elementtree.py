"""Elements of a StructureDefinition as a tree: children under their element, slices beside it.

https://hl7.org/fhir/R4/elementdefinition.html#id
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from service.fhir.model import choice_key


class Node:
    """One element, or one slice of one (`slice_name`); paths and ids follow from its place in the tree."""

    __slots__ = ("children", "element", "name", "parent", "slice_name", "slices")

    def __init__(
        self,
        name: str,
        slice_name: str | None = None,
        element: dict[str, Any] | None = None,
        parent: Node | None = None,
    ) -> None:
        self.name = name
        self.slice_name = slice_name
        self.element: dict[str, Any] = element or {}
        self.children: list[Node] = []
        self.slices: list[Node] = []
        self.parent = parent

    @property
    def path(self) -> str:
        return f"{self.parent.path}.{self.name}" if self.parent else self.name

    @property
    def id(self) -> str:
        own = f"{self.name}:{self.slice_name}" if self.slice_name else self.name
        return f"{self.parent.id}.{own}" if self.parent else own

    def child(self, name: str) -> Node | None:
        return next((one for one in self.children if one.name == name), None)

    def slice(self, name: str) -> Node | None:
        """The slice `name` of this element, or of a slice of it (`a/b` is a slice of the slice `a`)."""
        return next((one for one in self.slices if one.slice_name == name), None)

    def find(self, path: str) -> Node | None:
        """The unsliced element at `path`, which begins with this node's own name."""
        first, *rest = path.split(".")
        node: Node | None = self if first == self.name else None
        for name in rest:
            node = node.child(name) if node else None
        return node

    def adopt(self, children: Iterable[Node]) -> None:
        for one in children:
            one.place(self)
            self.children.append(one)

    def place(self, parent: Node | None) -> None:
        """Put the node, and its slices, under `parent`."""
        self.parent = parent
        for one in self.slices:
            one.place(parent)

    def copy(self, parent: Node | None = None) -> Node:
        twin = self._unsliced(parent)
        twin.slices = [one.copy(twin.parent) for one in self.slices]
        return twin

    def _unsliced(self, parent: Node | None = None) -> Node:
        twin = Node(self.name, self.slice_name, self.element, parent or self.parent)
        twin.children = [one.copy(twin) for one in self.children]
        return twin

    def as_slice(self, name: str, element: Mapping[str, Any]) -> Node:
        """A new slice `name` of this element: its children, and `element`; nothing demands yet that it is there."""
        twin = self._unsliced()
        twin.slice_name = name
        kept = {key: value for key, value in element.items() if key != "slicing"}
        twin.element = kept | {"sliceName": name, "min": 0}
        return twin


def build(elements: Iterable[Mapping[str, Any]]) -> Node:
    """The tree of a list of ElementDefinitions (snapshot or differential; elements between may be missing)."""
    root: Node | None = None
    current: dict[str, Node] = {}
    for element in elements:
        kept = {key: value for key, value in element.items() if key not in ("id", "path")}
        steps = _steps(element)
        if steps is None:
            if root is not None:
                current.setdefault(root.name, root)
            node = _by_order(current, element["path"], element.get("sliceName"))
        else:
            node = _by_id(root, steps)
        if root is None:
            root = node
            while root.parent is not None:
                root = root.parent
        node.element = kept
        current[element["path"]] = node
        for path in [one for one in current if one.startswith(element["path"] + ".")]:
            del current[path]
    return root or Node("")


def flatten(root: Node) -> list[dict[str, Any]]:
    """The ElementDefinitions of a tree in the order of a snapshot."""
    found: list[dict[str, Any]] = []

    def walk(node: Node, path: str, id_: str) -> None:
        path = f"{path}.{node.name}" if path else node.name
        own = f"{node.name}:{node.slice_name}" if node.slice_name else node.name
        full = f"{id_}.{own}" if id_ else own
        found.append({"id": full, "path": path} | node.element)
        for child in node.children:
            walk(child, path, full)
        for one in node.slices:
            walk(one, path.rpartition(".")[0], id_)

    walk(root, "", "")
    return found


def short_choice(node: Node, name: str) -> tuple[Node, str] | None:
    """The choice child and the type that `name` (`valueQuantity`) is short for."""
    for child in node.children:
        if child.name.endswith("[x]") and name.startswith(child.name[:-3]):
            for type_ in child.element.get("type", ()):
                if choice_key(child.name[:-3], type_["code"]) == name:
                    return child, type_["code"]
    return None


def _steps(element: Mapping[str, Any]) -> list[tuple[str, str | None]] | None:
    """The id as (name, slice) steps; None where it is missing or does not agree with path and sliceName."""
    id_ = element.get("id", "")
    steps = []
    for part in id_.split("."):
        name, _, slice_name = part.partition(":")
        steps.append((name, slice_name or None))
    if steps[-1][1] != element.get("sliceName") or not _agrees(steps, element["path"]):
        return None
    return steps


def _agrees(steps: list[tuple[str, str | None]], path: str) -> bool:
    """Whether a path leads where the steps do; in it a slice of a choice may be called `valueQuantity`."""
    names = path.split(".")
    return len(names) == len(steps) and all(
        name == step or (slice_name == name and step.endswith("[x]") and name.startswith(step[:-3]))
        for name, (step, slice_name) in zip(names, steps, strict=True)
    )


def _by_id(root: Node | None, steps: list[tuple[str, str | None]]) -> Node:
    node: Node | None = None
    for name, slice_name in steps:
        if node is None:
            node = root or Node(name)
        else:
            node = _child(node, name)
        if slice_name:
            node = _slice(node, slice_name)
    return node or Node("")


def _by_order(current: dict[str, Node], path: str, slice_name: str | None) -> Node:
    """The node of an element without a usable id: under the element of its parent path that came last."""
    parent_path, _, name = path.rpartition(".")
    if not parent_path:
        return current.get(path) or Node(name)
    parent = current.get(parent_path)
    if parent is None:
        parent = current[parent_path] = _by_order(current, parent_path, None)
    node = _child(parent, name)
    return _slice(node, slice_name) if slice_name else node


def _child(node: Node, name: str) -> Node:
    found = node.child(name)
    if found is None:
        found = Node(name, parent=node)
        node.children.append(found)
    return found


def _slice(node: Node, name: str) -> Node:
    """The slice of `node`; `a/b` hangs under the slice `a`, where there is one."""
    holder = node
    if "/" in name:
        holder = node.slice(name.rpartition("/")[0]) or node
        if holder is node and (parts := name.split("/")):
            for end in range(1, len(parts)):
                holder = holder.slice("/".join(parts[:end])) or holder
    found = holder.slice(name)
    if found is None:
        found = Node(node.name, name, parent=node.parent)
        holder.slices.append(found)
    return found
