"""Plans: what a type and all profiles on it ask of an object, merged into one pass over its keys.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/profiling.html
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from service.fhir.model import choice_key
from service.validation.clean import lexical
from service.validation.clean.asks import Ask, Asks, Spec, child_ask
from service.validation.clean.passes import (
    Parts,
    Plan,
    Quick,
    beside,
    counted,
    extension_walk,
    many,
    never,
    object_walk,
    primitive,
    primitives,
    single,
)
from service.validation.clean.slices import by_type, plain_slicing
from service.validation.compiler import Compiler
from service.validation.places import Place
from service.validation.run import Json, Run
from service.validation.tree import Branch
from service.validation.types import own_types

if TYPE_CHECKING:
    from service.validation.rules import Rules

MOST_PLANS = 6000  # plans are made for each place where data are met, so that there must be an end


class Around(NamedTuple):
    """The extension that an extension stands in: its url, and the parts that its definition knows (None: any)."""

    url: str
    parts: frozenset[str] | None


class Plans:
    """Makes plans."""

    def __init__(self, rules: "Rules") -> None:
        self.rules = rules
        self.compiler = Compiler(rules)
        self.asks = Asks(self.compiler)
        self._made = 0

    def object(
        self, node: str, place: Place, specs: tuple[Spec, ...], asks: tuple[Ask, ...] = (), around: Around | None = None
    ) -> Plan:
        """The plan of an object of the type (or backbone element) `node`, with what `specs` ask of what is in it and
        `asks` of itself."""
        return Plan(lambda: self._object(node, place, specs, asks, around))

    def _object(
        self, node: str, place: Place, specs: tuple[Spec, ...], asks: tuple[Ask, ...], around: Around | None
    ) -> Ask:
        outline = self.rules.types.outline(node.partition(".")[0])
        self._made += 1
        if outline is None or node not in outline.elements or self._made > MOST_PLANS:
            return never
        parts = Parts({}, {}, [], [], [])
        for element in outline.children.get(node, ()):
            self._field(element, node, place, specs, around, parts)
        own = outline.elements[node]
        is_resource = self.rules.definitions.types().get(node) == "resource"
        if is_resource:
            parts.texts["resourceType"] = bool
        parts.asks.extend(self.asks.of_type(own, node))
        parts.asks.extend(asks)
        if node == "Extension":
            return extension_walk(parts)
        return object_walk(parts)

    def _field(
        self, element: Json, node: str, place: Place, specs: tuple[Spec, ...], around: Around | None, parts: Parts
    ) -> None:
        name = element["path"].rpartition(".")[2]
        stem = name.removesuffix("[x]")
        types = self._types(element, stem, is_choice=name != stem)
        inner: list[Spec] = []
        for spec in specs:
            branch = spec.branch.children.get(name)
            if branch is not None and self._simple(branch, element, types):
                inner.append(Spec(branch, element))
            elif branch is not None:
                parts.asks.extend(child_ask(self.compiler, name, branch, node))
            for key, other in spec.branch.children.items():
                if key in types and key != name:
                    parts.asks.extend(child_ask(self.compiler, key, other, node))
        least = max((element.get("min", 0), *(one.branch.element.get("min", 0) for one in inner)))
        if name == stem and (least or any(_least(one) for spec in inner for one in spec.branch.slices)):
            parts.required.append(name)
        if name != stem:
            keys = frozenset(types)
            parts.choices.append(keys)
            if least:
                parts.asks.append(lambda value, run: not keys.isdisjoint(value))
        most = _most([element, *(one.branch.element for one in inner)])
        if most == 0:
            return
        for key, type_name in types.items():
            allowed = [self.compiler.allowed(one.branch.element, types) for one in inner]
            if type_name == "Resource" or all(one is None or type_name in one for one in allowed):
                mine = [found for one in inner for found in by_type(one, type_name)] if name != stem else inner
                self._one(key, type_name, element, (*place, key), tuple(mine), (least, most), around, parts)

    def named_tree(self, url: str, type_name: str) -> Branch | None:
        """The tree of a profile on `type_name`; None where it is not known, or asks for more than its tree."""
        return self.compiler.tree_of(url, type_name)

    def _types(self, element: Json, stem: str, is_choice: bool) -> dict[str, str]:
        if "contentReference" in element:
            return {stem: element["contentReference"].rpartition("#")[2]}
        return {choice_key(stem, one) if is_choice else stem: one for one in own_types(element)}

    def _simple(self, branch: Branch, base: Json, types: dict[str, str]) -> bool:
        """Whether the slices of an element, if any, can be merged into a plan."""
        if not branch.slices:
            return True
        return plain_slicing(self.compiler, branch, base, types) is not None

    def _one(
        self,
        key: str,
        type_name: str,
        element: Json,
        place: Place,
        specs: tuple[Spec, ...],
        count: tuple[int, int | None],
        around: Around | None,
        parts: Parts,
    ) -> None:
        repeats = element.get("max", "1") not in ("0", "1")
        if self.rules.definitions.types().get(type_name) == "primitive-type":
            self._primitive(key, type_name, element, place, specs, count if repeats else None, parts)
            return
        check: Quick
        if type_name == "Resource":
            # What stands in a Bundle is judged by itself.
            if element["path"] == "Bundle.entry.resource" and not specs:
                parts.others[key] = lambda value, holder, run: type(value) is dict
            return
        if type_name == "Extension":
            parts.others[key] = self._extensions(key, place, specs, count, around)
            return
        node = element["path"] if type_name in ("Element", "BackboneElement") else type_name
        inner, asks = self.asks.of_item(element, node, specs)
        sliced = [found for one in specs if (found := self._sliced(one, element, key, type_name))]
        if sliced:
            slicing = Slicings(self, node, place, inner, asks, element, sliced)
            check = slicing.check
        else:
            plan = self.object(node, place, inner, asks)
            check = many(plan, *count) if repeats else single(plan)
        parts.others[key] = counted(check, *count) if sliced and repeats else check

    def _sliced(self, spec: Spec, element: Json, key: str, type_name: str) -> Any:
        return plain_slicing(self.compiler, spec.branch, element, {key: type_name}) if spec.branch.slices else None

    def _primitive(
        self,
        key: str,
        type_name: str,
        element: Json,
        place: Place,
        specs: tuple[Spec, ...],
        count: tuple[int, int | None] | None,
        parts: Parts,
    ) -> None:
        sure, further = self.asks.of_primitive(element, type_name, specs)
        other = lexical.of_other(type_name)
        if count is not None:
            parts.others[key] = primitives(sure, other, further, *count)
            return
        if further:
            parts.others[key] = primitive(sure, other, further)
        else:
            parts.texts[key] = sure
            parts.others[key] = lambda value, holder, run: type(value) is not str and other(value)
            if type_name != "xhtml":
                element_plan = self.object("Element", (*place[:-1], "_" + key), specs)
                parts.others["_" + key] = beside(key, element_plan)

    def _extensions(
        self, key: str, place: Place, specs: tuple[Spec, ...], count: tuple[int, int | None], around: Around | None
    ) -> Quick:
        from service.validation.clean.extensions import Extended

        return Extended(self, key, place, specs, count, around).check


class Slicings:
    """The items of an element that has slices: each is walked by the plan of all slices that it belongs to."""

    def __init__(
        self,
        plans: Plans,
        node: str,
        place: Place,
        specs: tuple[Spec, ...],
        asks: tuple[Ask, ...],
        element: Json,
        slicings: list[Any],
    ) -> None:
        unique = {one.mark: one for one in slicings}
        self._slicings = tuple(unique.values())
        self._same = {one.mark: [other for other in slicings if other.mark == one.mark] for one in self._slicings}
        self._given = plans, node, place, specs, asks, element
        self._plans: dict[tuple[int | None, ...], Plan] = {}

    def check(self, value: Any, holder: Json, run: Run) -> bool:
        if type(value) is not list or not value:
            return False
        found: list[tuple[int | None, ...]] = []
        for item in value:
            if type(item) is not dict:
                return False
            numbers = tuple([one.number(item) for one in self._slicings])
            plan = self._plans.get(numbers)
            if plan is None:
                plan = self._plans[numbers] = self._plan(numbers)
            if not plan.walk(item, run):
                return False
            found.append(numbers)
        return all(
            one.counts([numbers[index] for numbers in found])
            for index, slicing in enumerate(self._slicings)
            for one in self._same[slicing.mark]
        )

    def _plan(self, numbers: tuple[int | None, ...]) -> Plan:
        plans, node, place, specs, asks, element = self._given
        extra: list[Spec] = []
        for number, slicing in zip(numbers, self._slicings, strict=True):
            if number is not None:
                extra += [Spec(one.slices[number], element) for one in self._same[slicing.mark]]
        more, further = plans.asks.of_slices(element, node, tuple(extra))
        return plans.object(node, place, (*specs, *extra, *more), (*asks, *further))


def _least(branch: Branch) -> int:
    return int(branch.element.get("min", 0))


def _most(elements: list[Json]) -> int | None:
    given = [int(one["max"]) for one in elements if one.get("max", "*") != "*"]
    return min(given) if given else None
