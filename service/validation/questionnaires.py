"""A QuestionnaireResponse against its Questionnaire: items, order, answers.

https://hl7.org/fhir/R4/questionnaireresponse.html#notes
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from service.validation.answers import check_answers, values_of
from service.validation.enabling import is_enabled
from service.validation.run import At, Json, Run

if TYPE_CHECKING:
    from service.validation.rules import Rules


def check_response(response: Json, at: At, run: Run, rules: "Rules") -> None:
    """Check a response where its questionnaire is contained in it, or loaded."""
    url = response.get("questionnaire")
    if type(url) is not str:
        return
    if url.startswith("#"):
        questionnaire = rules.references.resolve(url, run)
    else:
        questionnaire = rules.definitions.get("Questionnaire", url)
    if questionnaire is None or questionnaire.get("resourceType") != "Questionnaire":
        run.add("validation.questionnaire-unknown", (at, "questionnaire"), url=url)
        return
    _Check(response, questionnaire, run, rules).level(questionnaire, response, at)


def rows(node: Any, name: str) -> list[Json]:
    """The well-shaped objects of the array `name`."""
    value = node.get(name) if type(node) is dict else None
    return [one for one in value if type(one) is dict] if type(value) is list else []


def _deep(questionnaire: Json) -> Iterator[Json]:
    stack = rows(questionnaire, "item")
    while stack:
        item = stack.pop()
        yield item
        stack += rows(item, "item")


class _Check:
    """The check of one response."""

    def __init__(self, response: Json, questionnaire: Json, run: Run, rules: "Rules") -> None:
        self.response = response
        self.questionnaire = questionnaire
        self.run = run
        self.rules = rules
        self.finished = response.get("status") in ("completed", "amended")
        self.known = {str(one.get("linkId")) for one in _deep(questionnaire)}

    def level(self, definition: Json, node: Json, at: At) -> None:
        """The items of one level: each known, in order, once where it does not repeat, and complete."""
        asked = rows(definition, "item")
        position = {str(one.get("linkId")): index for index, one in enumerate(asked)}
        given: dict[str, list[tuple[Json, At]]] = {}
        latest = -1
        items = node.get("item")
        for index, item in enumerate(items if type(items) is list else ()):
            link = item.get("linkId") if type(item) is dict else None
            if type(link) is not str:
                continue
            place = ((at, "item"), index)
            if link not in position:
                key = "validation.answer-misplaced" if link in self.known else "validation.answer-unknown"
                self.run.add(key, (place, "linkId"), link=link)
                continue
            if position[link] < latest:
                self.run.add("validation.answer-order", place, link=link)
            latest = max(latest, position[link])
            given.setdefault(link, []).append((item, place))
        for one in asked:
            self._item(one, given.get(str(one.get("linkId")), []), at)

    def _item(self, asked: Json, given: list[tuple[Json, At]], at: At) -> None:
        link = asked.get("linkId")
        if not given:
            if asked.get("required") is True and asked.get("type") != "display" and self._enabled(asked):
                self._missing(link, at)
            return
        if len(given) > 1 and not (asked.get("type") == "group" and asked.get("repeats") is True):
            self.run.add("validation.answer-item-repeats", given[1][1], link=link)
        if self._enabled(asked) is False and any(values_of(item) or rows(item, "item") for item, _ in given):
            self.run.add("validation.answer-disabled", given[0][1], link=link)
        for item, place in given:
            self._one(asked, item, place)

    def _one(self, asked: Json, item: Json, at: At) -> None:
        kind, link = asked.get("type"), asked.get("linkId")
        text = item.get("text")
        if type(text) is str and type(asked.get("text")) is str and text != asked["text"]:
            self.run.add("validation.answer-text", (at, "text"), link=link, text=text, wanted=asked["text"])
        if kind in ("group", "display"):
            if "answer" in item:
                self.run.add("validation.answer-not-asked", (at, "answer"), link=link, kind=kind)
            elif kind == "group" and asked.get("required") is True and not rows(item, "item"):
                self.run.add("validation.answer-group-empty", at, severity=self._severity(), link=link)
            if kind == "group":
                self.level(asked, item, at)
            return
        answers = rows(item, "answer")
        if "item" in item:
            self.run.add("validation.answer-nesting", (at, "item"), link=link)
        if not answers and asked.get("required") is True and self._enabled(asked):
            self._missing(link, at)
        if len(answers) > 1 and asked.get("repeats") is not True:
            self.run.add("validation.answer-repeats", (at, "answer"), link=link)
        check_answers(asked, item, at, self.run, self.rules)
        given = item.get("answer")
        for index, answer in enumerate(given if type(given) is list else ()):
            if type(answer) is dict:
                self.level(asked, answer, ((at, "answer"), index))

    def _enabled(self, asked: Json) -> bool | None:
        return is_enabled(asked, self.response)

    def _severity(self) -> str:
        return "error" if self.finished else "warning"

    def _missing(self, link: Any, at: At) -> None:
        self.run.add("validation.answer-missing", at, severity=self._severity(), link=link)
