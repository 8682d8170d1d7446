"""The options of a question of a Questionnaire, found by what an answer says: each may be asked for by thousands.

https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.answerOption
"""

from collections.abc import Hashable, Iterator
from decimal import Decimal
from typing import Any

from service.fhir.json import canonical
from service.validation.run import Json, Run


class Choices:
    """The options of one question; `keys` are the `value…` names that they use."""

    def __init__(self, asked: Json) -> None:
        rows = asked.get("answerOption")
        options = [one for one in rows if type(one) is dict] if type(rows) is list else []
        self.given = bool(rows) and type(rows) is list
        self.keys = frozenset(key for one in options for key in one if key.startswith("value"))
        self._found: dict[tuple[Hashable, ...], Json] = {}
        for one in options:
            for key in self.keys & one.keys():
                for name in _names(key, one[key]):
                    self._found.setdefault(name, one)

    def find(self, key: str, value: Any) -> Json | None:
        """The first option that says `value`; one without a system asks for its code in any."""
        names = list(_names(key, value))
        return self._found.get(names[-1] if type(value) is dict and "system" in value else names[0])


def choices(asked: Json, run: Run) -> Choices:
    """The options of `asked`, made once a walk."""
    key = ("choices", id(asked))
    if key not in run.memo:
        # The question is kept beside them, so that no other object can get its place in memory.
        run.memo[key] = (asked, Choices(asked))
    found: Choices = run.memo[key][1]
    return found


def _names(key: str, value: Any) -> Iterator[tuple[Hashable, ...]]:
    """What a value is found by, first without its system."""
    if type(value) is not dict:
        yield key, _token(value)
        return
    yield key, "of", _token(value.get("reference" if key == "valueReference" else "code"))
    if key != "valueReference":
        yield key, "of", _token(value.get("code")), _token(value.get("system"))


def _token(value: Any) -> Hashable:
    """Equal for equal values; numbers by value, and `true` is no number."""
    if value is None or type(value) in (str, int, Decimal):
        return value  # type: ignore[no-any-return]
    return canonical(value)
