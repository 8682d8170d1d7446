"""What stands under a receiver's own labels: FHIRPath over the minimised Bundle, written in the receiver's file.

http://hl7.org/fhirpath/N1
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from service.clock import HELSINKI
from service.deliver.receivers import minimised
from service.deliver.receivers.base import Json
from service.fhir.path import Env, PathError, compile_values
from service.fhir.path import Values as Compiled
from service.fhir.reading import concept_text
from service.strict_toml import Key

KEYS: Mapping[str, Key] = {
    "label": Key("words", "The receiver's label, in each language that it has.", required=True),
    "value": Key(
        "text",
        "FHIRPath of what stands under it, over the minimised Bundle; `%plan`, `%child` and `%resources` are at hand.",
        required=True,
    ),
    "join": Key("text", "What stands between several values.", default="a line break"),
    "format": Key(
        "text", "How values are written; `date` is the day as the language has it.", choices=("text", "date")
    ),
    "empty": Key("words", "What is written where there is nothing. Unset: the label is left out."),
}
_YES = {"fi": ("kyllä", "ei"), "sv": ("ja", "nej"), "en": ("yes", "no")}
_EMPTY: Json = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "CarePlan"}}]}


@dataclass(frozen=True, slots=True)
class Question:
    """One label and how it is answered."""

    label: Mapping[str, str]
    value: Compiled
    join: str
    format: str
    empty: Mapping[str, str] | None


def compiled(rows: Sequence[Mapping[str, Any]]) -> tuple[Question, ...]:
    """The questions of a receiver's file. Raises `PathError` for an expression that is none."""
    return tuple(
        Question(
            row["label"],
            compile_values(row["value"]),
            row.get("join", "\n"),
            row.get("format", "text"),
            row.get("empty"),
        )
        for row in rows
    )


def problems(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str]]:
    """The questions that cannot be asked, by their place in the list, and why."""
    for at, row in enumerate(rows):
        try:
            compile_values(row["value"])(_EMPTY, _environment(_EMPTY, {"resourceType": "Patient"}))
        except PathError as error:
            yield at, str(error)


def answered(questions: Sequence[Question], bundle: Json, child: Json, language: str) -> dict[str, str]:
    """Label and answer for one child, in the order of the questions; what has no answer is not there."""
    environment = _environment(bundle, child)
    made: dict[str, str] = {}
    for one in questions:
        values = one.value(bundle, environment)
        texts = dict.fromkeys(_text(value, one.format, language) for value in values)
        text = one.join.join(part for part in texts if part)
        if not text and one.empty is not None:
            text = _in(one.empty, language)
        if text:
            made[_in(one.label, language)] = text
    return made


def _environment(bundle: Json, child: Json) -> Env:
    found = {minimised.reference(one): one for one in minimised.resources(bundle)}
    variables = {"plan": minimised.plan(bundle), "child": child, "resources": list(found.values())}
    return Env(
        resource=bundle, variables=variables, resolve=lambda reference: found.get("/".join(reference.split("/")[:2]))
    )


def _text(value: Any, form: str, language: str) -> str:
    if isinstance(value, bool):
        return _YES.get(language, _YES["fi"])[0 if value else 1]
    if isinstance(value, dict):
        # A concept, a name, a reference or an identifier says itself what it is called.
        said = (concept_text(value), *(str(value.get(name, "")).strip() for name in ("display", "value")))
        return next((one for one in said if one), "")
    text = str(value).strip() if not isinstance(value, list) else ""
    return _day(text) if form == "date" else text


def _day(text: str) -> str:
    """A date or a moment as the day it is in Helsinki: `17.9.2025` in all three languages of the country's forms."""
    try:
        moment = datetime.fromisoformat(text)
        day = moment.astimezone(HELSINKI).date() if moment.tzinfo else date.fromisoformat(text[:10])
    except ValueError:
        return text
    return f"{day.day}.{day.month}.{day.year}"


def _in(words: Mapping[str, str], language: str) -> str:
    """The words in the language, else in the first that there is."""
    return words.get(language) or next(iter(words.values()))
