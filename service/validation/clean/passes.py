"""The passes over objects and the checks of single keys that plans are made of.

https://hl7.org/fhir/R4/json.html
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from service.fhir.values import MAX_STRING
from service.validation.clean.asks import Ask
from service.validation.clean.lexical import Sure, text
from service.validation.run import Json, Run

Quick = Callable[[Any, Json, Run], Any]  # (value of a key, the object that holds it, run): true means surely right


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


def never(value: Any, run: Run) -> bool:
    """Nothing can be said quickly."""
    return False


def single(plan: Plan) -> Quick:
    return lambda value, holder, run: type(value) is dict and plan.walk(value, run)


def many(plan: Plan, least: int, most: int | None) -> Quick:
    def check(value: Any, holder: Json, run: Run) -> bool:
        if type(value) is not list or len(value) < (least or 1) or (most is not None and len(value) > most):
            return False
        for item in value:  # noqa: SIM110
            if type(item) is not dict or not plan.walk(item, run):
                return False
        return True

    return check


def counted(check: Quick, least: int, most: int | None) -> Quick:
    def counted(value: Any, holder: Json, run: Run) -> Any:
        if type(value) is not list or len(value) < least or (most is not None and len(value) > most):
            return False
        return check(value, holder, run)

    return counted


def primitive(sure: Sure, other: Sure, asks: tuple[Ask, ...]) -> Quick:
    def check(value: Any, holder: Json, run: Run) -> bool:
        if not (sure(value) if type(value) is str else other(value)):
            return False
        for ask in asks:  # noqa: SIM110 - a generator costs more than what it does here
            if not ask(value, run):
                return False
        return True

    return check


def primitives(sure: Sure, other: Sure, asks: tuple[Ask, ...], least: int, most: int | None) -> Quick:
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


def beside(key: str, plan: Plan) -> Quick:
    def check(value: Any, holder: Json, run: Run) -> Any:
        return key in holder and type(value) is dict and "id" not in value and plan.walk(value, run)

    return check


def extension_walk(parts: Parts) -> Ask:
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


def object_walk(parts: Parts) -> Ask:
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
