"""Checks of one JSON property: its shape (object, array, null), its `_` sibling, and what it holds.

https://hl7.org/fhir/R4/json.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.validation.run import At, ItemCheck, Json, Run

FieldCheck = Callable[[Any, Json, At, Run], None]  # (value, object that holds it, place of that object, run)
Walk = Callable[[Json, At, Run], None]
Lexical = Callable[[Any], str | None]

_SHOWN = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


class Node:
    """A compiled type or backbone element; `walk` checks one object of it and compiles itself at its first call."""

    __slots__ = ("name", "walk")
    walk: Walk

    def __init__(self, name: str, compile_walk: Callable[["Node"], Walk]) -> None:
        def first(value: Json, at: At, run: Run) -> None:
            made = compile_walk(self)
            self.walk = made
            made(value, at, run)

        self.name = name
        self.walk = first


def shown(value: Any) -> str:
    """What kind of JSON value it is, for a person."""
    return _SHOWN.get(type(value), "a number")


def nothing(value: Any, holder: Json, at: At, run: Run) -> None:
    """A property that needs no check of its own."""


def primitive(key: str, lexical: Lexical, params: Mapping[str, str], tests: Sequence[ItemCheck]) -> FieldCheck:
    """A primitive that does not repeat; `params` fill the text of what `lexical` finds wrong."""
    sibling_key = "_" + key

    def check(value: Any, holder: Json, at: At, run: Run) -> None:
        if value is None:
            run.add("validation.null", (at, key), name=key)
            return
        problem = lexical(value)
        if problem is not None:
            if type(value) is list:
                run.add("validation.array-not-allowed", (at, key), name=key)
            else:
                run.add(problem, (at, key), value=value, **params)
        elif tests:
            sibling = holder.get(sibling_key)
            for test in tests:
                test(value, sibling, (at, key), run)

    return check


def primitives(key: str, lexical: Lexical, params: Mapping[str, str], tests: Sequence[ItemCheck]) -> FieldCheck:
    """A primitive that repeats: an array, with `null` only where the sibling array holds something."""
    sibling_key = "_" + key

    def check(value: Any, holder: Json, at: At, run: Run) -> None:
        if not _is_array(value, key, at, run):
            return
        siblings = holder.get(sibling_key)
        if type(siblings) is not list:
            siblings = ()
        place = (at, key)
        for index, item in enumerate(value):
            sibling = siblings[index] if index < len(siblings) else None
            if item is None:
                if sibling is None:
                    run.add("validation.null", (place, index), name=key)
            elif (problem := lexical(item)) is not None:
                run.add(problem, (place, index), value=item, **params)
            else:
                for test in tests:
                    test(item, sibling, (place, index), run)

    return check


def sibling(key: str, element: Node, repeats: bool, tests: Sequence[ItemCheck]) -> FieldCheck:
    """The `_` property beside a primitive: id and extensions, aligned with the values where it repeats."""
    name = key.removeprefix("_")

    def one(value: Any, alone: bool, place: At, run: Run) -> None:
        if type(value) is not dict:
            run.add("validation.object-expected", place, name=key, given=shown(value))
            return
        if alone or len(value) != 1 or type(value.get("id")) is not str:  # beside a value an id is enough
            element.walk(value, place, run)
        if alone:
            for test in tests:
                test(None, value, place, run)

    def single(value: Any, holder: Json, at: At, run: Run) -> None:
        if value is None:
            run.add("validation.null", (at, key), name=key)
        else:
            one(value, name not in holder, (at, key), run)

    def many(value: Any, holder: Json, at: At, run: Run) -> None:
        if not _is_array(value, key, at, run):
            return
        values = holder.get(name)
        values = values if type(values) is list else ()
        if values and len(values) != len(value):
            run.add("validation.sibling-length", (at, key), name=name, values=len(values), siblings=len(value))
        for index, item in enumerate(value):
            if item is not None:
                alone = index >= len(values) or values[index] is None
                one(item, alone, ((at, key), index), run)
            elif index >= len(values):
                run.add("validation.null", ((at, key), index), name=key)

    return many if repeats else single


def complex_one(key: str, node: Node, tests: Sequence[ItemCheck]) -> FieldCheck:
    """An object that does not repeat."""
    if not tests:

        def bare(value: Any, holder: Json, at: At, run: Run) -> None:
            if type(value) is dict:
                node.walk(value, (at, key), run)
            else:
                _not_object(value, key, at, run)

        return bare

    def check(value: Any, holder: Json, at: At, run: Run) -> None:
        if type(value) is dict:
            place = (at, key)
            node.walk(value, place, run)
            for test in tests:
                test(value, None, place, run)
        else:
            _not_object(value, key, at, run)

    return check


def complex_many(key: str, node: Node, tests: Sequence[ItemCheck]) -> FieldCheck:
    """An array of objects."""

    def check(value: Any, holder: Json, at: At, run: Run) -> None:
        if not _is_array(value, key, at, run):
            return
        walk = node.walk
        place = (at, key)
        for index, item in enumerate(value):
            if type(item) is dict:
                here = (place, index)
                walk(item, here, run)
                for test in tests:
                    test(item, None, here, run)
            elif item is None:
                run.add("validation.null", (place, index), name=key)
            else:
                run.add("validation.object-expected", (place, index), name=key, given=shown(item))

    return check


def _is_array(value: Any, key: str, at: At, run: Run) -> bool:
    if type(value) is not list:
        if value is None:
            run.add("validation.null", (at, key), name=key)
        else:
            run.add("validation.array-expected", (at, key), name=key, given=shown(value))
        return False
    if not value:
        run.add("validation.empty-array", (at, key), name=key)
        return False
    return True


def _not_object(value: Any, key: str, at: At, run: Run) -> None:
    if value is None:
        run.add("validation.null", (at, key), name=key)
    elif type(value) is list:
        run.add("validation.array-not-allowed", (at, key), name=key)
    else:
        run.add("validation.object-expected", (at, key), name=key, given=shown(value))
