"""Makes the snapshot of a profile from its differential: the base as a tree, the differential laid over it.

https://hl7.org/fhir/R4/profiling.html#snapshot, https://hl7.org/fhir/R4/elementdefinition.html#interpretation
"""

from collections.abc import Callable, Mapping
from typing import Any

from service.fhir.elements import Element, merge
from service.fhir.elementtree import Node, build, flatten, short_choice
from service.fhir.model import choice_key
from service.issues import Issue, issue

Resolve = Callable[[str], dict[str, Any] | None]

_EXTENSION_SLICING = {"discriminator": [{"type": "value", "path": "url"}], "ordered": False, "rules": "open"}
_TYPE_SLICING = {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False, "rules": "open"}
_ONLY_TYPE = _TYPE_SLICING | {"rules": "closed"}
_ROOT = "http://hl7.org/fhir/StructureDefinition/"


def generate(structure: Mapping[str, Any], resolve: Resolve) -> tuple[dict[str, Any] | None, list[Issue]]:
    """`structure` with a snapshot made from its differential, and what is wrong with it; None where its base is
    unknown. `resolve` gives a StructureDefinition with snapshot for a canonical url or a type name."""
    url = structure.get("url", "")
    base_url = structure.get("baseDefinition", "")
    base = resolve(base_url) if base_url else None
    if base is None:
        return None, [issue("definitions.base-unknown", url=url, base=base_url or "?", profile=url)]
    specialises = structure.get("derivation") == "specialization"
    tree = build(base["snapshot"]["element"])
    if specialises:
        tree.name = structure["type"].rpartition("/")[2]
    maker = _Maker(url, base["url"], resolve, tree, specialises)
    differential = structure.get("differential", {}).get("element", [])
    if differential:
        maker.apply(tree, build(differential))
    elements = flatten(tree)
    return {key: value for key, value in structure.items() if key != "differential"} | {
        "snapshot": {"element": elements}
    }, maker.issues


class _Maker:
    """One snapshot in the making."""

    def __init__(self, url: str, base_url: str, resolve: Resolve, tree: Node, specialises: bool) -> None:
        self.url = url
        self.base_url = base_url
        self.resolve = resolve
        self.original = tree.copy()
        self.specialises = specialises
        self.issues: list[Issue] = []

    def apply(self, node: Node, change: Node) -> None:
        """Lay the differential node `change`, its children and its slices over `node`."""
        before = node.element
        self._merge(node, change.element)
        if change.children:
            self._expand(node)
        for child in change.children:
            self._child(node, child)
        for slice_ in change.slices:
            self._slice(node, before, slice_)

    def _merge(self, node: Node, change: Element) -> None:
        node.element, keys = merge(node.element, change, self.url, self.base_url)
        for key, params in keys:
            self._note(key, node, **params)

    def _child(self, node: Node, change: Node) -> None:
        found = node.child(change.name)
        if found is not None:
            self.apply(found, change)
            return
        if choice := short_choice(node, change.name):
            self._short(*choice, change)
            return
        if not self.specialises:
            self._note("definitions.element-unknown", node, element=change.name)
            return
        added = Node(change.name, element={"min": 0, "max": "*"})
        node.children.append(added)
        added.parent = node
        self.apply(added, change)
        added.element.setdefault("base", {"path": added.path, "min": added.element["min"], "max": added.element["max"]})

    def _short(self, choice: Node, code: str, change: Node) -> None:
        """`valueQuantity` stands for `value[x]` as a Quantity and nothing else: its only slice."""
        types = [one for one in choice.element.get("type", ()) if one.get("code") == code]
        shortened = {one.slice_name for one in choice.slices if one.slice_name}
        before = choice.element | {"type": types}
        if "slicing" in choice.element and change.name not in shortened:
            types = [*choice.element["type"], *types]
        choice.element = choice.element | {"slicing": _ONLY_TYPE, "type": types}
        change.slice_name = change.name
        for own in [one for one in change.slices if one.slice_name == change.name]:
            # It is called the slice that it is anyway.
            change.slices.remove(own)
            change.element = change.element | own.element
            change.adopt(own.children)
        self._slice(choice, before, change)

    def _slice(self, node: Node, before: Element, change: Node) -> None:
        """Lay a slice of the differential over that slice, new ones made from what `node` was `before`."""
        name = change.slice_name or ""
        found = node.slice(name)
        if found is None:
            if "slicing" not in node.element:
                self._default_slicing(node, name)
            found = node.as_slice(name, _narrowed(node.name, name, before))
            node.slices.append(found)
        self.apply(found, change)

    def _default_slicing(self, node: Node, name: str) -> None:
        if node.name in ("extension", "modifierExtension"):
            node.element = node.element | {"slicing": _EXTENSION_SLICING}
        elif node.name.endswith("[x]"):
            node.element = node.element | {"slicing": _TYPE_SLICING}
        else:
            self._note("definitions.slicing-missing", node, slice=name)

    def _expand(self, node: Node) -> None:
        """Give a node without children those of its type, its profile, or what it refers to."""
        if node.children:
            return
        reference = node.element.get("contentReference")
        if reference:
            target = self.original.find(reference.rpartition("#")[2])
            if target is None:
                self._note("definitions.element-unknown", node, element=reference)
                return
            node.element = {k: v for k, v in node.element.items() if k != "contentReference"}
            node.element = node.element | {"type": target.element.get("type", [])}
            node.adopt(target.copy().children)
            return
        definition = self._definition(node)
        if definition is None:
            return
        tree = build(definition["snapshot"]["element"])
        node.adopt(tree.children)
        if definition.get("derivation") == "constraint":
            demands = {key: tree.element[key] for key in ("constraint",) if key in tree.element}
            node.element, _ = merge(node.element, demands, definition["url"], self.base_url)

    def _definition(self, node: Node) -> dict[str, Any] | None:
        types = node.element.get("type", [])
        codes = {one.get("code", "") for one in types}
        if len(codes) != 1:
            # Of several types only what all have can be said: https://hl7.org/fhir/R4/types.html#Element
            return self.resolve("Element")
        code = codes.pop()
        profiles = types[0].get("profile", []) if len(types) == 1 else []
        wanted = profiles[0] if len(profiles) == 1 else code if "/" in code else _ROOT + code
        found = self.resolve(wanted)
        if found is None and profiles:
            self._note("definitions.profile-unknown", node, canonical=wanted, severity="warning")
            found = self.resolve(_ROOT + code)
        if found is None:
            self._note("definitions.profile-unknown", node, canonical=wanted)
        return found

    def _note(self, key: str, node: Node, severity: str | None = None, **params: Any) -> None:
        self.issues.append(issue(key, severity=severity, expression=node.id, profile=self.url, path=node.id, **params))


def _narrowed(name: str, slice_name: str, element: Element) -> Element:
    """What a slice of a choice begins with: one that is called as a type of it (`valueQuantity`) is of that type."""
    if not name.endswith("[x]"):
        return element
    own = [one for one in element.get("type", ()) if choice_key(name[:-3], one.get("code", "?")) == slice_name]
    return element | {"type": own} if own else element
