"""Plans: what a type and all profiles on it ask of an object, merged into one pass over its keys.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/profiling.html
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from service.fhir.model import choice_key
from service.fhir.values import MAX_STRING
from service.validation.clean import lexical
from service.validation.clean.asks import Ask, Asks, Spec, child_ask
from service.validation.clean.lexical import Sure, text
from service.validation.clean.slices import by_type, plain_slicing
from service.validation.compiler import Compiler
from service.validation.places import Place
from service.validation.run import Json, Run
from service.validation.tree import Branch
from service.validation.types import own_types

if TYPE_CHECKING:
    from service.validation.rules import Rules

Quick = Callable[[Any, Json, Run], Any]  # (value of a key, the object that holds it, run): true means surely right
MOST_PLANS = 6000  # plans are made for each place where data are met, so that there must be an end


class Around(NamedTuple):
    """The extension that an extension stands in: its url, and the parts that its definition knows (None: any)."""

    url: str
    parts: frozenset[str] | None


class Plan:
    """The pass over one object at one place; made when it is first needed."""

    __slots__ = ("walk",)
    walk: Ask

    def __init__(self, make: Callable[[], Ask]) -> None:
        def first(value: Any, run: Run) -> Any:
            if self.walk is first:
                self.walk = make()
            return self.walk(value, run)

        self.walk = first


class Parts(NamedTuple):
    """What an object's plan is made of, as it grows: tests of text and of other values by key, and what follows."""

    texts: dict[str, Sure]
    others: dict[str, Quick]
    required: list[str]
    choices: list[frozenset[str]]
    asks: list[Ask]


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
            return _extension_walk(parts)
        return _walk(parts)

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
            check = _many(plan, *count) if repeats else _single(plan)
        parts.others[key] = _counted(check, *count) if sliced and repeats else check

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
            parts.others[key] = _primitives(sure, other, further, *count)
            return
        if further:
            parts.others[key] = _primitive(sure, other, further)
        else:
            parts.texts[key] = sure
            parts.others[key] = lambda value, holder, run: type(value) is not str and other(value)
            if type_name != "xhtml":
                beside = self.object("Element", (*place[:-1], "_" + key), specs)
                parts.others["_" + key] = _beside(key, beside)

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


def never(value: Any, run: Run) -> bool:
    """Nothing can be said quickly."""
    return False


def _single(plan: Plan) -> Quick:
    return lambda value, holder, run: type(value) is dict and plan.walk(value, run)


def _many(plan: Plan, least: int, most: int | None) -> Quick:
    def check(value: Any, holder: Json, run: Run) -> bool:
        if type(value) is not list or len(value) < (least or 1) or (most is not None and len(value) > most):
            return False
        for item in value:  # noqa: SIM110
            if type(item) is not dict or not plan.walk(item, run):
                return False
        return True

    return check


def _counted(check: Quick, least: int, most: int | None) -> Quick:
    def counted(value: Any, holder: Json, run: Run) -> Any:
        if type(value) is not list or len(value) < least or (most is not None and len(value) > most):
            return False
        return check(value, holder, run)

    return counted


def _primitive(sure: Sure, other: Sure, asks: tuple[Ask, ...]) -> Quick:
    def check(value: Any, holder: Json, run: Run) -> bool:
        if not (sure(value) if type(value) is str else other(value)):
            return False
        for ask in asks:  # noqa: SIM110 - a generator costs more than what it does here
            if not ask(value, run):
                return False
        return True

    return check


def _primitives(sure: Sure, other: Sure, asks: tuple[Ask, ...], least: int, most: int | None) -> Quick:
    def check(value: Any, holder: Json, run: Run) -> bool:
        if type(value) is not list or len(value) < (least or 1) or (most is not None and len(value) > most):
            return False
        for item in value:
            if not (sure(item) if type(item) is str else other(item)):
                return False
            for ask in asks:
                if not ask(item, run):
                    return False
        return True

    return check


def _beside(key: str, plan: Plan) -> Quick:
    def check(value: Any, holder: Json, run: Run) -> Any:
        return key in holder and type(value) is dict and "id" not in value and plan.walk(value, run)

    return check


def _extension_walk(parts: Parts) -> Ask:
    """An extension: its url and one thing more, be it a value or extensions (ext-1); its url is known already."""
    texts, others, asks = parts.texts, parts.others, tuple(parts.asks)
    required = tuple(one for one in parts.required if one != "url")

    def walk(value: Any, run: Run) -> bool:
        if len(value) != 2 or "id" in value:
            return False
        for key, item in value.items():
            if key == "url":
                continue
            if type(item) is str and (sure := texts.get(key)) is not None:
                if not sure(item):
                    return False
            else:
                check = others.get(key)
                if check is None or not check(item, value, run):
                    return False
        for key in required:
            if key not in value:
                return False
        for ask in asks:  # noqa: SIM110
            if not ask(value, run):
                return False
        return True

    return walk


def _walk(parts: Parts) -> Ask:
    texts, others = parts.texts, parts.others
    required, asks = tuple(parts.required), tuple(parts.asks)
    choices = tuple(one for one in parts.choices if len(one) > 1)

    def walk(value: Any, run: Run) -> bool:
        if len(value) < 2 and (not value or "id" in value):
            return False
        for key, item in value.items():
            if type(item) is str:
                sure = texts.get(key)
                if sure is text:
                    if not ((item.isprintable() and 0 < len(item) <= MAX_STRING and not item.isspace()) or text(item)):
                        return False
                    continue
                if sure is not None:
                    if not sure(item):
                        return False
                    continue
            check = others.get(key)
            if check is None or not check(item, value, run):
                return False
        for key in required:
            if key not in value:
                return False
        for keys in choices:
            if len(keys & value.keys()) > 1:
                return False
        for ask in asks:  # noqa: SIM110
            if not ask(value, run):
                return False
        return True

    return walk
