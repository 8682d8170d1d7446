"""From the tree of a profile to checks of what it adds to its base type.

https://hl7.org/fhir/R4/elementdefinition.html, https://hl7.org/fhir/R4/profiling.html
"""

from typing import TYPE_CHECKING, Any

from service.fhir.model import choice_key
from service.fhir.trim import IMPOSE_PROFILE
from service.validation import items, patterns
from service.validation.children import ChildCheck, child_check
from service.validation.items import Extract
from service.validation.run import At, ItemCheck, Json, Run
from service.validation.slicing import Slicer
from service.validation.tree import Branch
from service.validation.types import own_types

if TYPE_CHECKING:
    from service.validation.rules import Rules


class Compiler:
    """Turns the tree of one profile into checks."""

    def __init__(self, rules: "Rules") -> None:
        self.rules = rules

    def item(self, branch: Branch, base: Json, type_name: str, within: bool = False) -> ItemCheck | None:
        """The check of one instance against `branch`; `base` is the element's own definition in the type above it.

        `within` says that it is a resource within another: what stands in it sees it as %resource, it itself does not.
        """
        element = branch.element
        checks: list[ItemCheck] = list(patterns.compile_values(element, base))
        own = self.rules.types.element(type_name) or {}
        known = tuple(one["key"] for one in (*base.get("constraint", ()), *own.get("constraint", ())))
        checks += self.rules.invariants.of_element(element, type_name, known)
        if "binding" in element and element["binding"] != base.get("binding"):
            bound = self.rules.bindings.compile(element, type_name)
            if bound:
                checks.append(bound)
        inner = [*self.typed(element, base, type_name), *self._children(branch, type_name)]
        if inner:
            checks.append(self._inside(_all(inner)) if within else _all(inner))
        return _all(checks) if checks else None

    def named(self, element: Json, base: Json, type_name: str) -> list[Branch]:
        """The trees of the profiles that an element names alone for its type: these could as well stand in its own."""
        rows = [one for one in _named(element, base, type_name) if one["code"] == type_name]
        found = [self.tree_of(one["profile"][0], type_name) for one in rows if len(one["profile"]) == 1]
        return [one for one in found if one is not None]

    def tree_of(self, url: str, type_name: str) -> Branch | None:
        """The tree of a profile on `type_name`; None where it is not known, or where it asks for more than that."""
        structure = self.rules.definitions.structure(url)
        if structure is None or structure["type"] != type_name or structure.get("derivation") != "constraint":
            return None
        if any(one.get("url") == IMPOSE_PROFILE for one in structure.get("extension", ())):
            return None
        return self.rules.profiles.tree(url)

    def typed(self, element: Json, base: Json, type_name: str, named: bool = True) -> list[ItemCheck]:
        """The checks of `type.profile` and `type.targetProfile`; targets and what is in `named()` only if `named`."""
        checks: list[ItemCheck] = []
        for type_ in _named(element, base, type_name):
            code, profiles = type_.get("code", ""), type_["profile"]
            if not named and len(profiles) == 1 and self.tree_of(profiles[0], type_name) and code == type_name:
                continue
            if code == type_name:
                checks.append(self.rules.profiles.any_of(profiles))
            elif type_name == "Resource":
                checks.append(_of_type(code, self.rules.profiles.any_of(profiles)))
        if type_name == "Reference" and element.get("type") != base.get("type") and named:
            target = self.rules.references.targets(element, type_name, is_profile=True)
            if target:
                checks.append(self.rules.references.check_targets(target))
        return checks

    def _inside(self, check: ItemCheck) -> ItemCheck:
        """`check` within another resource: %resource is that one."""

        def inside(value: Any, sibling: Any, at: At, run: Run) -> None:
            before = run.resource
            if type(value) is dict and "resourceType" in value:
                run.resource = value
            check(value, sibling, at, run)
            run.resource = before

        return inside

    def _children(self, branch: Branch, type_name: str) -> list[ItemCheck]:
        found = [self.child(name, child, type_name) for name, child in branch.children.items()]
        checks = tuple(one for one in found if one is not None)
        if not checks:
            return []

        def children(value: Any, sibling: Any, at: At, run: Run) -> None:
            holder = value if type(value) is dict else sibling
            if type(holder) is dict:
                for check in checks:
                    check(holder, at, run)

        return [children]

    def child(self, name: str, branch: Branch, parent_type: str) -> ChildCheck | None:
        """The check of all instances of one child element: how many, of which type and slice, and each of them."""
        found = self.base_of(name, parent_type)
        if found is None:
            return None
        base, types, extract = found
        element = branch.element
        if name.endswith("[x]") is False and base["path"].endswith("[x]"):
            types = {key: one for key, one in types.items() if key == name}
        least, most = element.get("min", 0), element.get("max", "*")
        least = least if least > base.get("min", 0) else 0
        limit = int(most) if most != "*" and most != base.get("max") else None
        allowed = self.allowed(element, types)
        each: dict[str, ItemCheck] = {}
        for one in set(types.values()):
            if allowed is None or one == "Resource" or one in allowed:
                made = self.instance(branch, base, one)
                if made is not None:
                    each[one] = made
        slicer = Slicer(self, branch, base, types) if branch.slices else None
        if not (least or limit is not None or allowed is not None or each or slicer):
            return None
        return child_check(element["path"], name, extract, least, limit, allowed, each, slicer)

    def instance(self, branch: Branch, base: Json, type_name: str) -> ItemCheck | None:
        """The check of one instance, where `type_name` is its type.

        A contentReference means the base definition, as the official validator has it: what a profile asks of an item
        it does not ask of the items within.
        """
        if type_name != "Resource":
            return self.item(branch, base, type_name)
        given = own_types(branch.element)
        return self.item(branch, base, given[0] if len(given) == 1 else type_name, within=True)

    def base_of(self, name: str, parent_type: str) -> tuple[Json, dict[str, str], Extract] | None:
        """The base definition of a child, its types by JSON key, and how to get its instances from an object."""
        types = self.rules.types
        base = types.element(f"{parent_type}.{name}")
        if base is None:
            outline = types.outline(parent_type.partition(".")[0])
            rows = outline.children.get(parent_type, ()) if outline else ()
            stems = (one for one in rows if one["path"].endswith("[x]"))
            base = next((one for one in stems if name in _choice_types(one)), None)
        if base is None:
            return None
        if base["path"].endswith("[x]"):
            keys = _choice_types(base)
            return base, keys, items.choice(keys if name.endswith("[x]") else {name: keys[name]})
        if "contentReference" in base:
            type_name = base["contentReference"].rpartition("#")[2]
        else:
            names = own_types(base)
            type_name = names[0] if names else "Element"
            if type_name in ("BackboneElement", "Element"):
                type_name = base["path"]
        return base, {name: type_name}, items.plain(name, type_name)

    def allowed(self, element: Json, types: dict[str, str]) -> frozenset[str] | None:
        """The types that a profile leaves of a choice (or of any resource); None where it leaves all."""
        given = own_types(element)
        if not given or "contentReference" in element:
            return None
        if list(types.values()) == ["Resource"]:
            return None if {"Resource", "DomainResource"} & set(given) else frozenset(given)
        if len(types) < 2 or set(types.values()) <= set(given):
            return None
        return frozenset(given)


def _choice_types(base: Json) -> dict[str, str]:
    stem = base["path"].rpartition(".")[2].removesuffix("[x]")
    return {choice_key(stem, one): one for one in own_types(base)}


def _named(element: Json, base: Json, type_name: str) -> list[Json]:
    """The types of an element that have profiles which its base does not name."""
    before = [one for one in base.get("type", ()) if one.get("code") == type_name]
    return [
        one
        for one in element.get("type", ())
        # An extension is checked by its url everywhere.
        if one.get("profile") and one not in before and one.get("code") != "Extension"
    ]


def _of_type(name: str, check: ItemCheck) -> ItemCheck:
    def of_type(value: Any, sibling: Any, at: At, run: Run) -> None:
        if type(value) is dict and value.get("resourceType") == name:
            check(value, sibling, at, run)

    return of_type


def _all(checks: list[ItemCheck]) -> ItemCheck:
    if len(checks) == 1:
        return checks[0]
    together = tuple(checks)

    def check(value: Any, sibling: Any, at: At, run: Run) -> None:
        for one in together:
            one(value, sibling, at, run)

    return check
