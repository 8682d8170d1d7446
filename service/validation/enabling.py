"""Whether a question of a Questionnaire is to be asked, given the answers so far (`enableWhen`).

https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from service.validation.patterns import compare
from service.validation.run import Json

_ORDERS: Mapping[str, Callable[[int, int], bool]] = MappingProxyType(
    {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
)


def is_enabled(asked: Json, response: Json) -> bool | None:
    """True or False; None where a condition cannot be understood."""
    conditions = asked.get("enableWhen")
    if type(conditions) is not list or not conditions:
        return True
    answers = [_holds(one, response) if type(one) is dict else None for one in conditions]
    if asked.get("enableBehavior") == "any":
        return True if True in answers else None if None in answers else False
    return False if False in answers else None if None in answers else True


def _holds(condition: Json, response: Json) -> bool | None:
    given = [value for item in _found(response, condition.get("question")) for value in values(item)]
    wanted = next((value for key, value in condition.items() if key.startswith("answer")), None)
    how = condition.get("operator")
    if how == "exists":
        return bool(given) is wanted if type(wanted) is bool else None
    if how == "=":
        return any(_same(value, wanted) for value in given)
    if how == "!=":
        return not any(_same(value, wanted) for value in given)
    order = _ORDERS.get(str(how))
    if order is None:
        return None
    signs = [compare(value, wanted) for value in given]
    if any(sign is not None and order(sign, 0) for sign in signs):
        return True
    return None if None in signs else False


def _same(value: Any, wanted: Any) -> bool:
    if type(value) is dict and type(wanted) is dict:
        names = ("system", "code") if "code" in wanted else ("value", "unit") if "value" in wanted else ("reference",)
        return all(value.get(name) == wanted.get(name) for name in names)
    return type(value) is type(wanted) and bool(value == wanted)


def values(item: Json) -> list[Any]:
    """The values of the answers of a response item."""
    answers = item.get("answer")
    found = []
    for answer in answers if type(answers) is list else ():
        if type(answer) is dict:
            found += [value for key, value in answer.items() if key.startswith("value")]
    return found


def _found(node: Json, link: Any) -> list[Json]:
    """Every response item with that linkId."""
    found = []
    stack: list[Any] = [node]
    while stack:
        one = stack.pop()
        if type(one) is not dict:
            continue
        if one.get("linkId") == link and "linkId" in one:
            found.append(one)
        for name in ("item", "answer"):
            inner = one.get(name)
            stack += inner if type(inner) is list else []
    return found
