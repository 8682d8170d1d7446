"""Plans: what a type and all profiles on it ask of an object, merged into one pass for each set of keys.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/profiling.html
"""

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from service.fhir.model import choice_key
from service.validation.clean import lexical, usual
from service.validation.clean.asks import Asks, Spec, child_ask
from service.validation.clean.passes import Ask, Known, Listed, Literal, Many, One, Other, Part, Pass, Plan, Text, write
from service.validation.clean.slices import Slicing, by_type, plain_slicing
from service.validation.compiler import Compiler
from service.validation.places import Place
from service.validation.run import Json, Run
from service.validation.tree import Branch
from service.validation.types import own_types

if TYPE_CHECKING:
    from service.validation.rules import Rules

MOST_PASSES = 6000  # passes are written for each place and each set of keys that is met, so that there must be an end
Count = tuple[int, int | None]


class Around(NamedTuple):
    """The extension that an extension stands in: its url, and the parts that its definition knows (None: any)."""

    url: str
    parts: frozenset[str] | None


class Asked(NamedTuple):
    """What is asked of the objects at one place, which are of the type (or backbone element) `node`: `specs` of what is
    in them, `asks` of themselves."""

    node: str
    place: Place
    specs: tuple[Spec, ...]
    asks: tuple[Ask, ...] = ()
    around: Around | None = None


class Plans:
    """Makes plans."""

    def __init__(self, rules: "Rules") -> None:
        self.rules = rules
        self.compiler = Compiler(rules)
        self.asks = Asks(self.compiler)
        self.passes = 0

    def object(self, asked: Asked) -> Plan:
        """The plan of objects of which this is asked."""
        return Plan(Draft(self, asked).made)

    @property
    def is_full(self) -> bool:
        """Whether there have been so many kinds of objects that it is time to begin anew."""
        return self.passes >= MOST_PASSES

    def named_tree(self, url: str, type_name: str) -> Branch | None:
        """The tree of a profile on `type_name`; None where it is not known, or asks for more than its tree."""
        return self.compiler.tree_of(url, type_name)


class Field(NamedTuple):
    """What is asked of the value of a key: its type, its element in that of the object, what profiles add, how many."""

    type_name: str
    element: Json
    specs: tuple[Spec, ...]
    limits: Count


class Layout:
    """What holds of all objects of a plan: which keys may stand in them, and which must."""

    def __init__(self) -> None:
        self.fields: dict[str, Field] = {}
        self.required: set[str] = set()
        self.choices: list[frozenset[str]] = []  # of which no two may be there
        self.needed: list[frozenset[str]] = []  # of which one must be there
        self.asks: list[Ask] = []


class Draft:
    """What a plan is made of."""

    def __init__(self, plans: Plans, asked: Asked) -> None:
        self._plans = plans
        self._node, self._place, self._specs, self._asks, self._around = asked
        self._parts: dict[str, Part | None] = {}  # by key; None: not for the quick way

    def made(self, keys: tuple[str, ...]) -> Pass | None:
        """The pass over objects with these keys; None where they cannot be right, or nothing can be said quickly."""
        layout, have = self._layout, frozenset(keys)
        if layout is None or self._plans.is_full or not layout.required <= have:
            return None
        if self._node == "Extension":
            # Its url and one thing more, be it a value or extensions (ext-1).
            if len(keys) != 2 or "id" in have:
                return None
        elif not have or have == {"id"}:
            return None
        if any(len(one & have) > 1 for one in layout.choices) or any(one.isdisjoint(have) for one in layout.needed):
            return None
        told = [(one, None if one.by_keys is None else one.by_keys(have)) for one in layout.asks]
        found = [self._part(key, layout, have) for key in keys]
        parts = [one for one in found if one is not None]
        if any(answer is False for _, answer in told) or len(parts) < len(found):
            return None
        asks = [one for one, answer in told if answer is None]
        self._plans.passes += 1
        return write(parts, asks)

    @functools.cached_property
    def _layout(self) -> Layout | None:
        node, rules = self._node, self._plans.rules
        outline = rules.types.outline(node.partition(".")[0])
        if outline is None or node not in outline.elements:
            return None
        layout = Layout()
        for element in outline.children.get(node, ()):
            self._field(element, layout)
        # What has led to this plan need not be looked at again.
        if rules.definitions.types().get(node) == "resource":
            self._parts["resourceType"] = Known()
        elif node == "Extension":
            self._parts["url"] = Known()
        layout.asks += (*self._plans.asks.of_type(outline.elements[node], node), *self._asks)
        return layout

    def _part(self, key: str, layout: Layout, have: frozenset[str]) -> Part | None:
        """How the value of a key is looked at, one of `have`."""
        if key not in self._parts and key in layout.fields:
            self._parts[key] = self._value(key, *layout.fields[key])
        elif key not in self._parts and key[:1] == "_" and key[1:] in layout.fields:
            self._parts[key] = self._beside(key, layout)
        if key[:1] == "_" and key[1:] not in have:
            return None  # without a value
        return self._parts.get(key)

    def _field(self, element: Json, layout: Layout) -> None:
        compiler, node = self._plans.compiler, self._node
        name = element["path"].rpartition(".")[2]
        stem = name.removesuffix("[x]")
        types = self._types(element, stem, is_choice=name != stem)
        inner: list[Spec] = []
        for spec in self._specs:
            branch = spec.branch.children.get(name)
            if branch is not None and self._is_simple(branch, element, types):
                inner.append(Spec(branch, element))
            elif branch is not None:
                layout.asks += child_ask(compiler, name, branch, node)
            for key, other in spec.branch.children.items():
                if key in types and key != name:
                    layout.asks += child_ask(compiler, key, other, node)
        least = max((element.get("min", 0), *(one.branch.element.get("min", 0) for one in inner)))
        if name == stem and (least or any(_least(one) for spec in inner for one in spec.branch.slices)):
            layout.required.add(name)
        if name != stem:
            layout.choices.append(frozenset(types))
            if least:
                layout.needed.append(frozenset(types))
        most = _most([element, *(one.branch.element for one in inner)])
        if most == 0:
            return
        for key, type_name in types.items():
            allowed = [compiler.allowed(one.branch.element, types) for one in inner]
            if type_name == "Resource" or all(one is None or type_name in one for one in allowed):
                mine = [found for one in inner for found in by_type(one, type_name)] if name != stem else inner
                layout.fields[key] = Field(type_name, element, tuple(mine), (least, most))

    def _types(self, element: Json, stem: str, is_choice: bool) -> dict[str, str]:
        if "contentReference" in element:
            return {stem: element["contentReference"].rpartition("#")[2]}
        if own_types(element) in (["BackboneElement"], ["Element"]):
            return {stem: element["path"]}
        return {choice_key(stem, one) if is_choice else stem: one for one in own_types(element)}

    def _is_simple(self, branch: Branch, base: Json, types: dict[str, str]) -> bool:
        """Whether the slices of an element, if any, can be merged into a plan."""
        return not branch.slices or plain_slicing(self._plans.compiler, branch, base, types) is not None

    def _value(self, key: str, type_name: str, element: Json, specs: tuple[Spec, ...], count: Count) -> Part | None:
        repeats = element.get("max", "1") not in ("0", "1")
        if self._plans.rules.definitions.types().get(type_name) == "primitive-type":
            return self._primitive(type_name, element, specs, count if repeats else None)
        if type_name == "Resource":
            # What stands in a Bundle is judged by itself.
            return Other(dict) if element["path"] == "Bundle.entry.resource" and not specs else None
        part = self._complex(key, Field(type_name, element, specs, count), repeats)
        return usual.usual(part) if type_name in usual.TYPES else part

    def _complex(self, key: str, field: Field, repeats: bool) -> Part:
        plans, place = self._plans, (*self._place, key)
        type_name, element, specs, count = field
        if type_name == "Extension":
            from service.validation.clean.extensions import Extended

            return Listed(Extended(plans, key, place, specs, self._around).check, *count)
        inner, asks = plans.asks.of_item(element, type_name, specs)
        asked = Asked(type_name, place, inner, asks)
        found = [
            plain_slicing(plans.compiler, one.branch, element, {key: type_name}) for one in specs if one.branch.slices
        ]
        sliced = [one for one in found if one]
        if sliced:
            return Listed(Slicings(plans, asked, element, sliced).check, *count)
        one = One(plans.object(asked))
        return Many(one, *count) if repeats else one

    def _primitive(self, type_name: str, element: Json, specs: tuple[Spec, ...], count: Count | None) -> Part:
        sure, asks = self._plans.asks.of_primitive(element, type_name, specs)
        other = lexical.of_other(type_name)
        part: Text | Literal | Other = Text(sure, asks) if other is None else Other(other, asks)
        if sure is lexical.reference:
            part = Literal(self._plans.asks.follow, asks)
        return part if count is None else Many(part, *count)

    def _beside(self, key: str, layout: Layout) -> Part | None:
        """What stands beside the value of a primitive: extensions; its id would have to be looked up."""
        field = layout.fields.get(key[1:])
        if field is None or field.type_name == "xhtml":
            return None
        part = self._part(key[1:], layout, frozenset(()))
        if not isinstance(part, Text | Literal | Other) or part.asks:
            return None
        return One(self._plans.object(Asked("Element", (*self._place, key), field.specs)), '"id" in {} or ')


class Slicings:
    """The items of an element that has slices: each is walked by the plan of all slices that it belongs to."""

    def __init__(self, plans: Plans, asked: Asked, element: Json, slicings: list[Slicing]) -> None:
        alike: dict[bytes, list[Slicing]] = {}  # those that tell items apart in the same way
        for one in slicings:
            alike.setdefault(one.mark, []).append(one)
        self._alike = tuple(alike.values())
        self._given = plans, asked, element
        self._plans: dict[tuple[int | None, ...], Plan] = {}

    def check(self, value: list[Any], run: Run) -> bool:
        found: list[tuple[int | None, ...]] = []
        for item in value:
            if type(item) is not dict:
                return False
            numbers = tuple([alike[0].number(item) for alike in self._alike])
            if numbers not in self._plans:
                self._plans[numbers] = self._plan(numbers)
            if not self._plans[numbers][tuple(item)](item, run):
                return False
            found.append(numbers)
        for alike, given in zip(self._alike, zip(*found, strict=True), strict=True):
            for one in alike:
                if not one.counts(given):
                    return False
        return True

    def _plan(self, numbers: tuple[int | None, ...]) -> Plan:
        plans, asked, element = self._given
        extra: list[Spec] = []
        for number, alike in zip(numbers, self._alike, strict=True):
            if number is not None:
                extra += [Spec(one.slices[number], element) for one in alike]
        more, further = plans.asks.of_slices(element, asked.node, tuple(extra))
        return plans.object(asked._replace(specs=(*asked.specs, *extra, *more), asks=(*asked.asks, *further)))


def _least(branch: Branch) -> int:
    return int(branch.element.get("min", 0))


def _most(elements: list[Json]) -> int | None:
    given = [int(one["max"]) for one in elements if one.get("max", "*") != "*"]
    return min(given) if given else None
