"""The answers of one item of a QuestionnaireResponse: their type, the options, the limits.

https://hl7.org/fhir/R4/questionnaire.html#using, http://hl7.org/fhir/uv/sdc
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from service.validation import enabling, patterns
from service.validation.choices import choices
from service.validation.limits import ROOT, check_count, check_limits, extension
from service.validation.run import At, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules

values_of = enabling.values
_KEYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        kind: frozenset(keys.split())
        for kind, keys in {
            "boolean": "valueBoolean",
            "decimal": "valueDecimal",
            "integer": "valueInteger",
            "date": "valueDate",
            "dateTime": "valueDateTime",
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


def check_answers(asked: Json, item: Json, at: At, run: Run, rules: "Rules") -> None:
    """Check the answers of `item` to the question `asked`."""
    given = item.get("answer")
    answers: list[Any] = given if type(given) is list else []
    link = asked.get("linkId")
    check_count(asked, len(answers), (at, "answer"), run)
    allowed = _allowed(asked, run)
    for index, answer in enumerate(answers):
        if type(answer) is not dict:
            continue
        place = ((at, "answer"), index)
        key = next((one for one in answer if one.startswith("value")), None)
        if key is None:
            if not any(one.startswith("_value") for one in answer):
                run.add("validation.answer-no-value", place, link=link)
            continue
        if allowed is not None and key not in allowed:
            wanted = ", ".join(sorted(one.removeprefix("value") for one in allowed))
            run.add("validation.answer-type", (place, key), link=link, given=key.removeprefix("value"), wanted=wanted)
            continue
        _check_options(asked, key, answer[key], len(answers), (place, key), run, rules)
        check_limits(asked, answer[key], (place, key), run)


def _allowed(asked: Json, run: Run) -> frozenset[str] | None:
    kind = asked.get("type")
    own = _KEYS.get(kind) if type(kind) is str else None
    if own is None or kind not in ("choice", "open-choice"):
        return own
    listed = choices(asked, run).keys
    return (own if kind == "open-choice" else frozenset()) | listed if listed else own


def _check_options(asked: Json, key: str, value: Any, count: int, at: At, run: Run, rules: "Rules") -> None:
    link = asked.get("linkId")
    options = choices(asked, run)
    if options.given:
        chosen = options.find(key, value)
        if chosen is None:
            if asked.get("type") != "open-choice":
                run.add("validation.answer-option", at, link=link, value=_shown(value))
        elif count > 1 and extension(chosen, ROOT + "questionnaire-optionExclusive") is True:
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


def _shown(value: Any) -> str:
    if type(value) is dict and "code" in value:
        return f"{value.get('system', '')}#{value['code']}"
    return patterns.short(value)
