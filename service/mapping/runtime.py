"""What compiled maps call while they run: reading sources, filling targets, list modes, failures.

Everything works on plain JSON values; the source is never changed, what is copied from it is copied deeply.
"""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from service.fhir.json import escape
from service.issues import Issue, issue
from service.mapping.shapes import PRIMITIVES, STRINGS, TargetModel

_COMPLEX = [
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "CodeableConcept",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "Count",
    "DataRequirement",
    "Distance",
    "Dosage",
    "Duration",
    "Expression",
    "HumanName",
    "Identifier",
    "Meta",
    "Money",
    "ParameterDefinition",
    "Period",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "Timing",
    "TriggerDefinition",
    "UsageContext",
]
_JOINED = {name[0].upper() + name[1:]: name for name in (*PRIMITIVES, *_COMPLEX)}
KNOWN_TYPES = tuple(sorted(_JOINED.values()))


class MapFailure(Exception):
    """The transformation cannot go on; `issue` says why."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.key)
        self.issue = found


@dataclass(slots=True)
class Run:
    """The state of one run: what is injected, and what is noted."""

    uuid: Callable[[], str]
    now: datetime.datetime | None
    variables: Mapping[str, Any]
    issues: list[Issue] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    ends: dict[tuple[int, str], tuple[list[Any], str, int]] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    notes: list[tuple[Any, ...]] = field(default_factory=list)
    reads: set[str | None] = field(default_factory=set)

    def fail(self, key: str, where: str, pointer: str | None, **params: Any) -> None:
        """Ends the run."""
        raise MapFailure(issue(key, where=where, pointer=pointer, **params))

    def warn(self, key: str, where: str, pointer: str | None, **params: Any) -> None:
        self.issues.append(issue(key, where=where, pointer=pointer, **params))

    def first(self, parent: dict[str, Any], key: str, value: Any, rule: str) -> int:
        """Puts `value` before all that other rules made; returns its index."""
        items = parent.setdefault(key, [])
        at = self._end(items, "first", rule, key)
        items.insert(at, value)
        return at

    def last(self, parent: dict[str, Any], key: str, value: Any, rule: str) -> int:
        """Puts `value` after all that other rules make, also later."""
        items = parent.setdefault(key, [])
        self._end(items, "last", rule, key)
        items.append(value)
        return len(items) - 1

    def between(self, parent: dict[str, Any], key: str, value: Any) -> int:
        """Puts `value` at the end, but before what a rule with `last` made."""
        items = parent.setdefault(key, [])
        known = self.ends.get((id(items), "last"))
        at = len(items) - known[2] if known else len(items)
        items.insert(at, value)
        return at

    def _end(self, items: list[Any], end: str, rule: str, key: str) -> int:
        # The list is kept with its id, so that no other list can get the same one.
        _, owner, count = self.ends.get((id(items), end), (items, rule, 0))
        if owner != rule:
            self.fail("fml.two-ends", rule, None, mode=end, name=key, other=owner)
        self.ends[id(items), end] = (items, rule, count + 1)
        return count


class Slot:
    """A primitive element of the target that is being filled: its value, and its id and extensions beside it."""

    __slots__ = ("index", "key", "parent")

    def __init__(self, parent: dict[str, Any], key: str, index: int | None) -> None:
        self.parent = parent
        self.key = key
        self.index = index

    def get(self) -> Any:
        found = self.parent.get(self.key)
        return found if self.index is None or found is None else found[self.index]

    def set(self, value: Any, sibling: Any = None) -> None:
        if self.index is None:
            self.parent[self.key] = value
        else:
            items = self.parent.setdefault(self.key, [])
            items.extend([None] * (self.index + 1 - len(items)))
            items[self.index] = value
            level(self.parent, self.key)
        if sibling:
            self.beside().update(clone(sibling))

    def beside(self) -> dict[str, Any]:
        """The `_key` object, made where it is missing."""
        name = f"_{self.key}"
        if self.index is None:
            found: dict[str, Any] = self.parent.setdefault(name, {})
            return found
        items = self.parent.setdefault(name, [])
        items.extend([None] * (self.index + 1 - len(items)))
        if items[self.index] is None:
            items[self.index] = {}
        values = self.parent.setdefault(self.key, [])
        values.extend([None] * (self.index + 1 - len(values)))
        made: dict[str, Any] = items[self.index]
        return made

    def close(self) -> None:
        """Takes away what stayed empty."""
        name = f"_{self.key}"
        if self.index is None:
            if self.parent.get(name) == {}:
                del self.parent[name]
            return
        beside = self.parent.get(name)
        if beside and self.index < len(beside) and beside[self.index] == {}:
            beside[self.index] = None
            if not any(beside):
                del self.parent[name]
        items = self.parent.get(self.key)
        if items and self.index == len(items) - 1 and items[-1] is None and not self._said(name):
            items.pop()
            if not items:
                del self.parent[self.key]

    def _said(self, name: str) -> bool:
        beside = self.parent.get(name)
        return bool(beside and (self.index or 0) < len(beside) and beside[self.index or 0])


def level(parent: dict[str, Any], key: str) -> None:
    """Makes the list beside a list of primitives as long as it."""
    beside_ = parent.get(f"_{key}")
    if beside_ is not None:
        beside_.extend([None] * (len(parent[key]) - len(beside_)))


def slot(parent: Any, key: str, many: bool) -> Slot:
    """A new slot for an element of `parent`; in a list behind what is there."""
    return Slot(parent, key, len(parent.get(key, ())) if many else None)


def room(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """The object that an element holds, made where it is missing."""
    found = parent.get(key)
    if type(found) is dict:
        return found
    made: dict[str, Any] = {}
    parent[key] = made
    return made


def loose(model: TargetModel, parent: dict[str, Any], key: str, value: Any, type_: str | None = None) -> None:
    """Sets an element of something whose type shows only now: as its resource type wants it.

    Where that is not known either, the first value stands alone, and more become a list.
    """
    kind = parent.get("resourceType")
    element = model.element(kind, key) if type(kind) is str else None
    if element is not None:
        found = choose(element.choices, value, type_) if element.is_choice else element.key
        if element.many:
            parent.setdefault(found or key, []).append(value)
        else:
            parent[found or key] = value
        return
    old = parent.get(key)
    if old is None:
        parent[key] = value
    elif type(old) is list:
        old.append(value)
    else:
        parent[key] = [old, value]


def drop(parent: dict[str, Any], key: str, value: Any) -> None:
    """Takes an object that stayed empty out of its parent again."""
    found = parent.get(key)
    if found is value:
        del parent[key]
    elif type(found) is list:
        for index in range(len(found) - 1, -1, -1):
            if found[index] is value:
                del found[index]
                break
        if not found:
            del parent[key]


def clone(value: Any) -> Any:
    """A deep copy of JSON."""
    if type(value) is dict:
        return {key: clone(one) if type(one) in (dict, list) else one for key, one in value.items()}
    if type(value) is list:
        return [clone(one) if type(one) in (dict, list) else one for one in value]
    return value


def many(value: Any) -> Iterable[Any]:
    """The values of an element, whether or not they stand in a list."""
    if value is None:
        return ()
    if type(value) is list:
        return [one for one in value if one is not None] if None in value else value
    return (value,)


def paired(values: Any, beside: Any) -> Iterator[tuple[Any, Any, int]]:
    """The values of a primitive list, each with what stands beside it, and its index."""
    if values is None and beside is None:
        return
    left = values if type(values) is list else [] if values is None else [values]
    right = beside if type(beside) is list else [] if beside is None else [beside]
    for index in range(max(len(left), len(right))):
        value = left[index] if index < len(left) else None
        sibling = right[index] if index < len(right) else None
        if value is not None or sibling is not None:
            yield value, sibling, index


def typed(parent: Any, keys: Mapping[str, str]) -> Iterator[tuple[Any, str | None, Any, str, int | None]]:
    """The values of a choice element: value, type, what stands beside, key, index in a list."""
    for key in parent:
        type_ = keys.get(key)
        if type_ is None:
            if key[0] == "_" and key[1:] in keys and key[1:] not in parent:
                yield None, keys[key[1:]], parent[key], key[1:], None
            continue
        value = parent[key]
        if type(value) is list:
            for one, sibling, index in paired(value, parent.get("_" + key)):
                yield one, type_, sibling, key, index
        else:
            yield value, type_, parent.get("_" + key), key, None


def child(parent: Any, name: str) -> Iterator[tuple[Any, str | None, Any, str, int | None]]:
    """The values of an element of which nothing is known; a choice goes by its stem too, a primitive has `value`."""
    if type(parent) is not dict:
        if name == "value" and parent is not None:
            yield parent, None, None, "", None
        return
    value = parent.get(name)
    sibling = parent.get("_" + name)
    if value is not None or sibling is not None:
        if type(value) is list or type(sibling) is list:
            for one, beside, index in paired(value, sibling):
                yield one, None, beside, name, index
        else:
            yield value, None, sibling, name, None
        return
    length = len(name)
    for key in parent:
        bare = key[1:] if key[:1] == "_" else key
        if bare[:length] == name and bare[length:] in _JOINED and (key is bare or bare not in parent):
            yield from typed(parent, {bare: _JOINED[bare[length:]]})
            return


def is_type(value: Any, known: str | None, wanted: str) -> bool:
    """Whether a value of which at most `known` is known has the type `wanted`."""
    if known is not None and known == wanted:
        return True
    if type(value) is dict:
        return bool(value.get("resourceType") == wanted) or (known is None and _looks(value, wanted))
    if known is not None or wanted not in PRIMITIVES:
        return False
    if type(value) is bool:
        return wanted == "boolean"
    if type(value) is int:
        return wanted in ("integer", "positiveInt", "unsignedInt", "integer64", "decimal")
    if type(value) is Decimal:
        return wanted == "decimal"
    return wanted in STRINGS


def _looks(value: Mapping[str, Any], wanted: str) -> bool:
    return "resourceType" not in value and wanted not in PRIMITIVES and wanted[:1].isupper()


def choose(choices: tuple[tuple[str, str], ...], value: Any, known: str | None) -> str | None:
    """The key under which a value goes into a choice element; None where no type fits."""
    for key, type_ in choices:
        if type_ == known:
            return key
    types = {type_: key for key, type_ in choices}
    if type(value) is bool:
        order: tuple[str, ...] = ("boolean",)
    elif type(value) is int:
        order = ("integer", "positiveInt", "unsignedInt", "decimal")
    elif type(value) is Decimal:
        order = ("decimal",)
    elif type(value) is str:
        order = _RELATED.get(known or "string", ("string", "code", "uri", "markdown"))
    else:
        order = _guess(value, types)
    return next((types[one] for one in order if one in types), None)


_RELATED = {
    "code": ("code", "string"),
    "date": ("date", "dateTime", "string"),
    "instant": ("instant", "dateTime", "string"),
    "url": ("url", "uri", "string"),
    "uri": ("uri", "url", "canonical", "string"),
    "uuid": ("uuid", "uri", "string"),
    "oid": ("oid", "uri", "string"),
    "canonical": ("canonical", "uri", "string"),
    "id": ("id", "string"),
    "markdown": ("markdown", "string"),
}


def _guess(value: Any, types: Mapping[str, str]) -> tuple[str, ...]:
    """The complex type that an object without a known type looks like."""
    if type(value) is not dict:
        return ()
    for mark, type_ in (
        ("reference", "Reference"),
        ("coding", "CodeableConcept"),
        ("start", "Period"),
        ("end", "Period"),
        ("low", "Range"),
        ("high", "Range"),
        ("numerator", "Ratio"),
        ("denominator", "Ratio"),
        ("unit", "Quantity"),
        ("comparator", "Quantity"),
        ("code", "Coding"),
        ("contentType", "Attachment"),
        ("line", "Address"),
        ("family", "HumanName"),
        ("given", "HumanName"),
        ("repeat", "Timing"),
    ):
        if mark in value and type_ in types:
            return (type_,)
    return tuple(types) if len(types) == 1 else ()


def dig(value: Any, keys: tuple[str, ...]) -> Any:
    """The value at the end of `keys`, none of which repeats."""
    for key in keys:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


def trail(value: Any, steps: tuple[str, ...], type_: str | None = None) -> list[tuple[Any, str | None]]:
    """The values at the end of a path, each with its type where its key tells it; what has no value is left out."""
    found = [(value, type_)]
    for step in steps:
        found = [(one, kind) for parent, _ in found for one, kind, _, _, _ in child(parent, step)]
    return [pair for pair in found if pair[0] is not None]


def only(found: list[tuple[Any, str | None]], wanted: tuple[Any, ...], equal: bool) -> bool:
    """Whether there is exactly one value and it is (`equal`), or is not, one of `wanted`."""
    return len(found) == 1 and (found[0][0] in wanted) is equal


def single(run: Run, where: str, pointer: str | None, found: list[tuple[Any, str | None]]) -> tuple[Any, str | None]:
    """The one value of an expression for an element that does not repeat."""
    if len(found) > 1:
        run.fail("fml.several-values", where, pointer, count=len(found))
    return found[0] if found else (None, None)


def once(run: Run, name: str, evaluate: Callable[[Run], list[Any]]) -> list[Any]:
    """The value of a constant, evaluated when it is first asked for."""
    if name not in run.constants:
        run.constants[name] = evaluate(run)
    found: list[Any] = run.constants[name]
    return found


def cardinality(
    run: Run, where: str, pointer: str | None, rows: list[Any], least: int, most: int | None, name: str
) -> None:
    """Ends the run where an element has too few or too many values."""
    if len(rows) < least or (most is not None and len(rows) > most):
        limits = f"{least}..{'*' if most is None else most}"
        run.fail("fml.cardinality", where, pointer, name=name, count=len(rows), limits=limits)


def only_one(run: Run, where: str, pointer: str | None, rows: list[Any], name: str) -> None:
    """Ends the run where an element has more than one value."""
    if len(rows) > 1:
        run.fail("fml.cardinality", where, pointer, name=name, count=len(rows), limits="0..1")


def note_log(run: Run, where: str, found: list[tuple[Any, str | None]]) -> None:
    """Keeps what a rule logs; nothing where the expression gives nothing."""
    if found:
        run.log.append((where, ", ".join(str(value) for value, _ in found)))


def overlay(target: dict[str, Any], source: Any) -> None:
    """Copies all elements of an object; the target stays the resource that it is."""
    if type(source) is dict:
        for key, value in source.items():
            if key != "resourceType" or key not in target:
                target[key] = clone(value)


def beside(parent: dict[str, Any], key: str, sibling: Any, listed: bool) -> None:
    """Copies the id and extensions of a primitive value that has just been set."""
    Slot(parent, key, len(parent[key]) - 1 if listed else None).beside().update(clone(sibling))


def point(base: str | None, *steps: str | int | None) -> str | None:
    """The JSON pointer of what lies below `base`; None where that has none."""
    if base is None:
        return None
    return base + "".join(f"/{escape(str(step))}" for step in steps if step is not None and step != "")
