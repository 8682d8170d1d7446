"""What definitions ask of an element beyond its form, each thing once though several profiles repeat it.

https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from service.fhir.json import canonical
from service.validation import patterns
from service.validation.clean import lexical
from service.validation.clean.lexical import Sure, Test
from service.validation.clean.passes import FINDING, SURE, TEST, Ask
from service.validation.compiler import Compiler
from service.validation.keys import has
from service.validation.natives import NATIVES
from service.validation.references import Targets
from service.validation.run import ItemCheck, Json, Run
from service.validation.tree import Branch

if TYPE_CHECKING:
    from service.validation.rules import Rules

# What the passes see to, and what can only fail of a resource that contains others: those are left to the walk.
_SEEN_TO = frozenset(
    (
        "hasValue() or (children().count() > id.count())",
        "extension.exists() != value.exists()",
        *(one for one in NATIVES if one.startswith(("contained.", "reference.startsWith('#').not() or "))),
    )
)
# Tests of text that spare an ask: systems that are absolute, references that can be followed (ref-1 among them).
_STRICT: Mapping[str, Test] = MappingProxyType(
    {
        "Reference.reference": lexical.reference,
        "Coding.system": lexical.absolute,
        "Identifier.system": lexical.absolute,
    }
)
_VALUES = ("fixed", "pattern", "minValue", "maxValue", "maxLength")


class Spec(NamedTuple):
    """What one profile says of an element; `base` is the element's definition in the type above it."""

    branch: Branch
    base: Json


def finding(check: ItemCheck) -> Ask:
    """A check of the walk as an ask."""
    return Ask(FINDING, check)


def child_ask(compiler: Compiler, name: str, branch: Branch, node: str) -> list[Ask]:
    """The walk's own check of all instances of a child, for what no plan can merge."""
    made = compiler.child(name, branch, node)
    found = compiler.base_of(name, node)
    if made is None or found is None:
        return []
    _, types, _ = found
    needed = any(one.element.get("min", 0) for one in (branch, *branch.slices))

    def by_keys(keys: Collection[str]) -> bool | None:
        return None if needed or any(has(keys, one) for one in types) else True

    def check(value: Json, run: Run) -> bool:
        made(value, None, run)
        return True

    return [Ask(SURE, check, by_keys)]


class Asks:
    """Makes asks."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._rules: Rules = compiler.rules

    def of_type(self, own: Json, node: str) -> list[Ask]:
        """What is asked of every object of a type; that it has a narrative (dom-6) is not."""
        asks = self._constraints([one for one in own.get("constraint", ()) if one["key"] != "dom-6"], node)
        further = self._rules.types.further(node, is_absolute=True)
        if node == "Reference":
            # A literal of the strict form leaves only its type to be looked at.
            return [*(Ask(FINDING, check, _tells_no_type) for check in further), *asks]
        return [*map(finding, further), *asks]

    def of_item(
        self, element: Json, type_name: str, specs: tuple[Spec, ...]
    ) -> tuple[tuple[Spec, ...], tuple[Ask, ...]]:
        """What an element asks of its value, an object, and `specs` with it; with further specs that these lead to."""
        more, asks = self.of_specs(element, type_name, specs)
        base = () if "." in type_name else self._rules.types.tests(element, type_name, targets=False)
        targets = [] if type_name != "Reference" else self._targets(element, specs)
        return (*specs, *more), (*map(finding, base), *asks, *targets)

    def of_slices(
        self, element: Json, type_name: str, specs: tuple[Spec, ...]
    ) -> tuple[tuple[Spec, ...], tuple[Ask, ...]]:
        """The same of slices, without what the element asks."""
        more, asks = self.of_specs(element, type_name, specs)
        return more, (*asks, *(self._targets(element, specs) if type_name == "Reference" else ()))

    def _targets(self, element: Json, specs: tuple[Spec, ...]) -> list[Ask]:
        """What an element of the type Reference and `specs` ask of its target, without what another asks already."""
        references = self._rules.references
        found = [references.targets(element, "Reference")]
        for branch, base in specs:
            if branch.element.get("type") != base.get("type"):
                found.append(references.targets(branch.element, "Reference", is_profile=True))
        left: list[Targets] = []
        for one in reversed(found):
            if one is not None and not any(_covers(other, one) for other in left):
                left.append(one)
        return [Ask(SURE, references.aims(left))] if left else []

    def of_specs(self, base: Json, type_name: str, specs: tuple[Spec, ...]) -> tuple[tuple[Spec, ...], tuple[Ask, ...]]:
        """What `specs` ask of the value of an element, and the specs of the profiles that they name for its type."""
        own = self._rules.types.element(type_name) or {}
        known = {one["key"] for one in (*base.get("constraint", ()), *own.get("constraint", ()))}
        seen: set[bytes] = set()
        asks: list[Ask] = []
        more: list[Spec] = []

        def is_new(*what: Any) -> bool:
            mark = canonical(what)
            if mark in seen:
                return False
            seen.add(mark)
            return True

        stack = list(specs)
        while stack:
            spec = stack.pop(0)
            element = spec.branch.element
            if is_new("values", {key: one for key, one in element.items() if key.startswith(_VALUES)}):
                asks += map(finding, patterns.compile_values(element, spec.base))
            rows = [one for one in element.get("constraint", ()) if one["key"] not in known]
            asks += self._constraints(
                [one for one in rows if is_new("rule", one["key"], one.get("expression"))], type_name
            )
            if "binding" in element and element["binding"] != spec.base.get("binding"):
                bound = self._rules.bindings.compile(element, type_name) if is_new(element["binding"]) else None
                asks += [finding(bound)] if bound else []
            if element.get("type") == spec.base.get("type") or not is_new("type", element.get("type")):
                continue
            for tree in self._compiler.named(element, spec.base, type_name):
                found = Spec(tree, own)
                more.append(found)
                stack.append(found)
            asks += map(finding, self._compiler.typed(element, spec.base, type_name, named=False))
        return tuple(more), tuple(asks)

    def follow(self, literal: str, run: Run) -> bool:
        """Whether a literal reference can be followed by its form alone; then it is among the links of the run."""
        return lexical.reference(literal) is not None and bool(self._rules.references.link(literal, run))

    def of_primitive(self, element: Json, type_name: str, specs: tuple[Spec, ...]) -> tuple[Sure, tuple[Ask, ...]]:
        """The test of a primitive's text, and what else is asked of it."""
        # The test of a narrative's form sees to its content too.
        tests = self._rules.primitives.of(type_name, element)[2] if type_name != "xhtml" else ()
        sure = _STRICT[element["path"]] if element["path"] in _STRICT else lexical.of_string(type_name)
        codes = self._rules.bindings.codes(element.get("binding", {})) if type_name == "code" else None
        left: list[Spec] = []
        for spec in specs:
            branch = spec.branch
            rest = dict(branch.element)
            for prefix in ("fixed", "pattern"):
                given = patterns.given(rest, prefix)
                # A literal reference is followed as well, whatever it is fixed to.
                if given is not None and type(given[1]) is str and sure is not lexical.reference:
                    codes = _narrowed(codes, frozenset((given[1],)), sure)
                    del rest[given[0]]
            if type_name == "code" and "binding" in rest:
                listed = self._rules.bindings.codes(rest["binding"])
                if listed is not None:
                    codes = _narrowed(codes, listed, sure)
                    del rest["binding"]
            left.append(Spec(Branch(rest, branch.children, branch.slices), spec.base))
        _, asks = self.of_specs(element, type_name, tuple(left))
        return (sure if codes is None else codes), (*map(finding, tests), *asks)

    def _constraints(self, rows: Iterable[Json], type_name: str) -> list[Ask]:
        rows = [one for one in rows if one.get("expression") not in _SEEN_TO]
        return [Ask(TEST, test, by_keys) for test, by_keys in self._rules.invariants.tests(rows, type_name)]


def _tells_no_type(keys: Collection[str]) -> bool | None:
    return None if "type" in keys else True


def _covers(stricter: Targets, other: Targets) -> bool:
    """Whether what meets `stricter` surely meets `other`."""
    if other.modes and other.modes != stricter.modes:
        return False
    if other.allowed is not None and (stricter.allowed is None or not stricter.allowed <= other.allowed):
        return False
    return all(
        name not in (stricter.allowed or ()) or set(stricter.profiles.get(name, ["?"])) <= set(urls)
        for name, urls in other.profiles.items()
    )


def _narrowed(codes: frozenset[str] | None, more: frozenset[str], sure: Test) -> frozenset[str]:
    return frozenset(one for one in more if sure(one)) if codes is None else codes & more
