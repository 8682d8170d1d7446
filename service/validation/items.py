"""The instances of one element in an object: values, their `_` siblings, places and types.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/formats.html#choice
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from service.validation.run import At, Json


class Item(NamedTuple):
    """One instance of an element; `type` is its FHIR type (of a choice: the one that was chosen)."""

    value: Any
    sibling: Any
    at: At
    type: str


Extract = Callable[[Json, At], list[Item]]


def plain(name: str, type_name: str) -> Extract:
    """The instances of an element that is no choice, repeating or not."""
    sibling_key = "_" + name

    def extract(holder: Json, at: At) -> list[Item]:
        value = holder.get(name)
        if type(value) is dict:
            return [Item(value, None, (at, name), type_name)]
        sibling = holder.get(sibling_key)
        if type(value) is list:
            return _many(value, sibling if type(sibling) is list else [], (at, name), type_name)
        if type(sibling) is list:
            return _many([], sibling, (at, sibling_key), type_name)
        if value is None and sibling is None:
            return []
        return [Item(value, sibling, (at, name if value is not None else sibling_key), type_name)]

    return extract


def _many(values: list[Any], siblings: list[Any], place: At, type_name: str) -> list[Item]:
    count = max(len(values), len(siblings))
    rows = (
        (index, values[index] if index < len(values) else None, siblings[index] if index < len(siblings) else None)
        for index in range(count)
    )
    return [
        Item(value, sibling, (place, index), type_name)
        for index, value, sibling in rows
        if value is not None or sibling is not None
    ]


def choice(keys: Mapping[str, str]) -> Extract:
    """The instances of a choice element; `keys` gives the type of each JSON key."""

    def extract(holder: Json, at: At) -> list[Item]:
        found = []
        for key, value in holder.items():
            if key in keys:
                found.append(Item(value, holder.get("_" + key), (at, key), keys[key]))
            elif key.startswith("_") and key[1:] in keys and key[1:] not in holder:
                found.append(Item(None, value, (at, key), keys[key[1:]]))
        return found

    return extract
