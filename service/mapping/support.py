"""What compiled maps call beyond the plain transforms: fitting values to element types, looking codes up, tracing.

https://hl7.org/fhir/R4/mapping-language.html#type-cast, https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from service.fhir.json import escape
from service.mapping import dates, filling, runtime, transforms, walking
from service.mapping.choosing import choose
from service.mapping.conceptmaps import Match, Table
from service.mapping.filling import Slot, clone
from service.mapping.runtime import Run
from service.mapping.shapes import PRIMITIVES, STRINGS

_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "integer64", "decimal"})


def fit(run: Run, where: str, pointer: str | None, value: Any, have: str | None, wanted: str) -> Any:
    """`value` as an element of the type `wanted` holds it; a value that cannot become one ends the run."""
    if value is None:
        return None
    if wanted in PRIMITIVES:
        return _primitive(run, where, pointer, value, wanted)
    if type(value) is dict:
        return _object(value, have, wanted)
    made = _from_primitive(value, have, wanted)
    if made is None:
        run.fail("fml.type-mismatch", where, pointer, have=have or type(value).__name__, wanted=wanted)
    return made


def _primitive(run: Run, where: str, pointer: str | None, value: Any, wanted: str) -> Any:
    if type(value) in (dict, list):
        run.fail("fml.type-mismatch", where, pointer, have="object", wanted=wanted)
    if wanted in STRINGS:
        return value if type(value) is str else transforms.text(value)
    if wanted == "boolean":
        return value if type(value) is bool else transforms.cast(run, where, pointer, value, wanted)
    if type(value) in (int, Decimal) and (wanted == "decimal" or type(value) is int):
        return value
    return transforms.cast(run, where, pointer, value, wanted)


def _object(value: dict[str, Any], have: str | None, wanted: str) -> Any:
    looks_coded = have == "Coding" or (have is None and "code" in value and "coding" not in value)
    if wanted == "CodeableConcept" and looks_coded:
        return {"coding": [clone(value)]}
    return clone(value)


def _from_primitive(value: Any, have: str | None, wanted: str) -> dict[str, Any] | None:
    if wanted == "Quantity" and type(value) in (int, Decimal):
        return {"value": value}
    if type(value) is not str:
        return None
    if wanted == "CodeableConcept" and have == "code":
        return {"coding": [{"code": value}]}
    name = {
        "Reference": "reference",
        "CodeableConcept": "text",
        "Coding": "code",
        "Identifier": "value",
        "Annotation": "text",
        "HumanName": "text",
        "Address": "text",
    }.get(wanted)
    return {name: value} if name else None


def translate(run: Run, where: str, pointer: str | None, value: Any, table: Table, output: str) -> Any:
    """What a code, Coding or CodeableConcept becomes by a ConceptMap; nothing (and a warning) where it has no row."""
    if value is None:
        return None
    if type(value) is str:
        # By far the most frequent case.
        found = table.codes.get(value)
        if found is not None:
            return _output((found,), output)
    code = ""
    matches: tuple[Match, ...] = ()
    for system, code in _codes(value):
        matches = table.translate(code, system)
        if matches:
            break
    if not matches:
        run.warn("fml.untranslated", where, pointer, value=code, url=table.url)
        return None
    if len(matches) > 1 and output not in ("CodeableConcept", "codeableConcept"):
        run.fail("fml.translate-several", where, pointer, value=code, url=table.url, count=len(matches))
    return _output(matches, output)


def _codes(value: Any) -> list[tuple[str | None, str]]:
    if type(value) is not dict:
        return [(None, str(transforms.text(value)))]
    codings = value.get("coding", [value]) if type(value.get("coding", [])) is list else []
    return [(one.get("system"), one["code"]) for one in codings if type(one) is dict and type(one.get("code")) is str]


def _output(matches: tuple[Match, ...], output: str) -> Any:
    first = matches[0]
    if output == "code":
        return first.code
    if output in ("system", "uri"):
        return first.system
    if output == "display":
        return first.display
    if output in ("Coding", "coding"):
        return {**first.coding}
    return {"coding": [{**one.coding} for one in matches]}


def note(
    run: Run, parent: dict[str, Any], key: str | None, value: Any, rule: tuple[str, str, str], pointers: tuple[Any, ...]
) -> None:
    """Keeps which rule put `value` under `key` of `parent`, and from where."""
    run.notes.append((parent, key, value, rule, tuple(one for one in pointers if one is not None)))


def note_slot(run: Run, slot: Slot, rule: tuple[str, str, str], pointers: tuple[Any, ...]) -> None:
    note(run, slot.parent, slot.key, slot.get(), rule, pointers)


def touch(run: Run, value: Any, pointer: str | None, steps: tuple[str, ...]) -> list[str]:
    """Notes everything along a path that an expression reads; gives the pointers at its end."""
    if pointer is None:
        return []
    found: list[tuple[Any, str]] = [(value, pointer)]
    for step in steps:
        if step == "**":
            for _, one in found:
                whole(run, one)
            break
        found = [
            (one, runtime.point(base, key, index) or "")
            for parent, base in found
            for one, _, _, key, index in walking.child(parent, step)
        ]
        run.reads.update(one for _, one in found)
    return [one for _, one in found] if steps else []


def whole(run: Run, pointer: str | None) -> None:
    """Notes that everything at and below a place is read."""
    if pointer is not None:
        run.reads.add(f"{pointer}/**")


def below(value: Any, pointer: str = "") -> list[str]:
    """The pointers of all leaves of a JSON value."""
    if isinstance(value, Mapping):
        return [one for key, child_ in value.items() for one in below(child_, f"{pointer}/{escape(key)}")]
    if isinstance(value, list):
        return [one for index, child_ in enumerate(value) for one in below(child_, f"{pointer}/{index}")]
    return [pointer]


NAMES: dict[str, Any] = {
    "Decimal": Decimal,
    "Slot": Slot,
    "beside": filling.beside,
    "cardinality": runtime.cardinality,
    "cast": transforms.cast,
    "child": walking.child,
    "choose": choose,
    "clone": clone,
    "coding": transforms.coding,
    "concept": transforms.concept,
    "contact": transforms.contact,
    "date_op": dates.date_op,
    "dig": walking.dig,
    "drop": filling.drop,
    "append": transforms.append,
    "escape_text": transforms.escape,
    "fit": fit,
    "identified": transforms.identified,
    "identifier": transforms.identifier,
    "is_type": walking.is_type,
    "level": filling.level,
    "many": walking.many,
    "note": note,
    "note_log": runtime.note_log,
    "note_slot": note_slot,
    "_once": runtime.once,
    "only": walking.only,
    "only_one": runtime.only_one,
    "overlay": filling.overlay,
    "paired": walking.paired,
    "parsed": dates.parsed,
    "point": runtime.point,
    "pointer_": transforms.pointer_,
    "quantity": transforms.quantity,
    "reference": transforms.reference,
    "room": filling.room,
    "single": runtime.single,
    "slot": filling.slot,
    "touch": touch,
    "trail": walking.trail,
    "translate": translate,
    "truncate": transforms.truncate,
    "typed": walking.typed,
    "unix": dates.unix,
    "uuid": transforms.uuid,
    "whole": whole,
}
