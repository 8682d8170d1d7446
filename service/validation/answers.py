"""The answers of one item of a QuestionnaireResponse: their type, the options, the limits.

https://hl7.org/fhir/R4/questionnaire.html#using, http://hl7.org/fhir/uv/sdc
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from service.validation import enabling, patterns
from service.validation.run import At, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

values_of = enabling.values
_ROOT = "http://hl7.org/fhir/StructureDefinition/"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
_KEYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        kind: frozenset(keys.split())
        for kind, keys in {
            "boolean": "valueBoolean",
            "decimal": "valueDecimal valueInteger",
            "integer": "valueInteger",
            "date": "valueDate",
            "dateTime": "valueDateTime valueDate",
            "time": "valueTime",
            "string": "valueString",
            "text": "valueString",
            "url": "valueUri",
            "choice": "valueCoding",
            "open-choice": "valueCoding valueString",
            "attachment": "valueAttachment",
            "reference": "valueReference",
            "quantity": "valueQuantity",
        }.items()
    }
)
# A group that repeats and holds something that repeats can take hours to fail: such a pattern is not tried.
_RISKY = re.compile(r"[*+}][^()]*\)[*+{]")


def check_answers(asked: Json, item: Json, at: At, run: Run, rules: "Rules") -> None:
    """Check the answers of `item` to the question `asked`."""
    given = item.get("answer")
    answers: list[Any] = given if type(given) is list else []
    link = asked.get("linkId")
    for index, answer in enumerate(answers):
        if type(answer) is not dict:
            continue
        place = ((at, "answer"), index)
        key = next((one for one in answer if one.startswith("value")), None)
        if key is None:
            if not any(one.startswith("_value") for one in answer):
                run.add("validation.answer-no-value", place, link=link)
            continue
        allowed = _allowed(asked)
        if allowed is not None and key not in allowed:
            wanted = ", ".join(sorted(one.removeprefix("value") for one in allowed))
            run.add("validation.answer-type", (place, key), link=link, given=key.removeprefix("value"), wanted=wanted)
            continue
        _check_options(asked, key, answer[key], len(answers), (place, key), run, rules)
        _check_limits(asked, answer[key], (place, key), run)


def _allowed(asked: Json) -> frozenset[str] | None:
    kind = asked.get("type")
    own = _KEYS.get(kind) if type(kind) is str else None
    if own is None or kind not in ("choice", "open-choice"):
        return own
    options = asked.get("answerOption")
    listed = (
        {key for one in options if type(one) is dict for key in one if key.startswith("value")} if options else None
    )
    return (own if kind == "open-choice" else frozenset()) | listed if listed else own


def _check_options(asked: Json, key: str, value: Any, count: int, at: At, run: Run, rules: "Rules") -> None:
    link = asked.get("linkId")
    options = asked.get("answerOption")
    if type(options) is list and options:
        chosen = next((one for one in options if type(one) is dict and _is(one, key, value)), None)
        if chosen is None:
            if asked.get("type") != "open-choice":
                run.add("validation.answer-option", at, link=link, value=_shown(value))
        elif count > 1 and extension(chosen, _ROOT + "questionnaire-optionExclusive") is True:
            run.add("validation.answer-exclusive", at, link=link, value=_shown(value))
        return
    url = asked.get("answerValueSet")
    if type(url) is not str or key != "valueCoding" or asked.get("type") == "open-choice":
        return
    members = None if url.startswith("#") else rules.bindings.membership(url)
    if url.startswith("#"):
        questionnaire = rules.definitions.get("Questionnaire", str(run.resource.get("questionnaire")))
        inside = (questionnaire or run.root or {}).get("contained", ())
        found = next((one for one in inside if type(one) is dict and one.get("id") == url[1:]), None)
        members = rules.terminology.compile(found) if found and found.get("resourceType") == "ValueSet" else None
    if members is not None and members.known and rules.bindings.contains(members, value) is False:
        run.add("validation.answer-option", at, link=link, value=_shown(value))


def _is(option: Json, key: str, value: Any) -> bool:
    wanted = option.get(key)
    if type(wanted) is dict and type(value) is dict:
        name = "reference" if key == "valueReference" else "code"
        same_system = "system" not in value or value.get("system") == wanted.get("system") or name == "reference"
        return same_system and value.get(name) == wanted.get(name)
    return key in option and patterns.equal(value, wanted)


def _shown(value: Any) -> str:
    if type(value) is dict and "code" in value:
        return f"{value.get('system', '')}#{value['code']}"
    return patterns.short(value)


def extension(node: Any, url: str) -> Any:
    """The value of the first extension with that url, `None` without one."""
    found = node.get("extension") if type(node) is dict else None
    for one in found if type(found) is list else ():
        if type(one) is dict and one.get("url") == url:
            return next((value for key, value in one.items() if key.startswith("value")), None)
    return None


def _check_limits(asked: Json, value: Any, at: At, run: Run) -> None:
    link = asked.get("linkId")
    for urls, key, sign in (
        ((_ROOT + "minValue", _SDC + "minQuantity"), "validation.min-value", 1),
        ((_ROOT + "maxValue", _SDC + "maxQuantity"), "validation.max-value", -1),
    ):
        limit = next((found for url in urls if (found := extension(asked, url)) is not None), None)
        if limit is None:
            continue
        order = patterns.compare(value, limit)
        if type(limit) is dict and (order is None or not (limit.get("code") and value.get("code"))):
            run.add("validation.answer-units", at, link=link, value=_quantity(value), limit=_quantity(limit))
        elif order is not None and order * sign < 0:
            run.add(key, at, value=patterns.short(value), limit=patterns.short(limit))
    if type(value) is str:
        _check_text(asked, value, at, run)


def _check_text(asked: Json, value: str, at: At, run: Run) -> None:
    most, least = asked.get("maxLength"), extension(asked, _ROOT + "minLength")
    if type(most) is int and len(value) > most:
        run.add("validation.max-length", at, most=most, length=len(value))
    if type(least) is int and len(value) < least:
        run.add("validation.answer-short", at, least=least, length=len(value))
    if asked.get("type") == "string" and ("\n" in value or "\r" in value):
        run.add("validation.answer-lines", at, link=asked.get("linkId"))
    form = extension(asked, _ROOT + "regex")
    if type(form) is str and len(value) <= 10_000:
        pattern = _pattern(form)
        if pattern is not None and not pattern.fullmatch(value):
            run.add("validation.answer-format", at, value=value, form=form)


@lru_cache(maxsize=256)
def _pattern(form: str) -> re.Pattern[str] | None:
    if len(form) > 1000 or _RISKY.search(form):
        return None
    try:
        return re.compile(form)
    except (re.error, OverflowError, RecursionError):
        return None


def _quantity(value: Any) -> str:
    if type(value) is not dict:
        return patterns.short(value)
    unit = value.get("unit") or value.get("code") or ""
    return f"{value.get('value', '')} {unit}".strip()
