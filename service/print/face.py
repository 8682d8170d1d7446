"""What the rest of the service calls: one CarePlan as PDF or HTML for a family, and as its FHIR narrative."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from service.issues import Issue, issue
from service.print import html, pdf
from service.print.gather import gather
from service.print.layout import gaps, sheet
from service.print.model import Plan
from service.print.protection import protected, withhold
from service.print.resources import Resource, Resources, objects, string
from service.print.words import words as spoken

LANGUAGES = ("fi", "sv", "en")
FORMATS = ("pdf", "html")


class PrintError(ValueError):
    """A plan that cannot be printed; `issue` says why and what to do."""

    def __init__(self, found: Issue) -> None:
        super().__init__(found.text())
        self.issue = found


def printed(
    resources: Any,
    care_plan_id: str | None = None,
    *,
    language: str | None = None,
    format: str = "pdf",
    archive: bool = False,
    child: bool = False,
    copy_of: str | None = None,
    behind: Any = None,
    now: datetime,
) -> bytes:
    """The paper: a tagged PDF (PDF/UA-1) or a standalone HTML page, always the same bytes for the same input.

    `resources` is a Bundle, a resource, or a list of them; `care_plan_id` says which CarePlan where there are several.
    `language` is fi, sv or en (without it the plan's own, else fi). `archive` makes the PDF a PDF/A-2a as well, `child`
    gives the child's own sheet, `copy_of` names the original where this is a copy. `behind` are resources that are not
    printed and protect the family all the same (see `protection`), where `resources` are only those that somebody may
    see. `now` (with an offset) is the day of printing. `PrintError` where there is nothing to print.
    """
    check(language, format)
    heap = Resources(resources)
    plan = find(heap, care_plan_id)
    chosen = language or language_of(plan)
    facts = _facts(plan, heap, chosen, now, None if behind is None else Resources(behind))
    _printable(facts, plan)
    laid = sheet(facts, spoken(chosen), now, child=child, copy_of=copy_of)
    if format == "html":
        return html.page(laid).encode()
    return pdf.render(laid, now, archive=archive)


def check(language: str | None, format: str) -> None:
    """`PrintError` for a language or a format that there is not."""
    if language not in (*LANGUAGES, None):
        raise PrintError(issue("print.language", value=language, there=", ".join(LANGUAGES)))
    if format not in FORMATS:
        raise PrintError(issue("print.format", value=format, there=", ".join(FORMATS)))


def missing(resources: Any, care_plan_id: str | None = None, *, now: datetime) -> list[Issue]:
    """What the family would look for on the paper and not find, as warnings; `PrintError` as in `printed`."""
    heap = Resources(resources)
    plan = find(heap, care_plan_id)
    facts = _facts(plan, heap, "en", now)
    _printable(facts, plan)
    laid = sheet(facts, spoken("en"), now)
    lacking = [issue(f"print.no-{what}", expression="CarePlan") for what in gaps(facts)]
    unknown = sorted(set(pdf.unknown_characters(laid)))
    return [*lacking, *([issue("print.characters", value=" ".join(unknown))] if unknown else [])]


def narrative(care_plan: Resource, resources: Any, language: str | None = None) -> dict[str, str]:
    """`CarePlan.text`: the same content as the paper, as valid R4 narrative (https://hl7.org/fhir/R4/narrative.html).

    A pure function of its arguments: without a day of printing, nothing in it grows old.
    """
    heap = resources if isinstance(resources, Resources) else Resources(resources)
    chosen = language or language_of(care_plan)
    laid = sheet(_facts(care_plan, heap, chosen, None), spoken(chosen), None)
    return {"status": "generated", "div": html.fragment(laid)}


def find(heap: Resources, care_plan_id: str | None) -> Resource:
    """The CarePlan that is meant, by its id or its business identifier; `PrintError` where that is not clear."""
    plans = heap.of("CarePlan")
    if not plans:
        raise PrintError(issue("print.no-care-plan"))
    wanted = care_plan_id.removeprefix("CarePlan/") if care_plan_id else None
    chosen = [one for one in plans if wanted is None or wanted in _ids(one)]
    if not chosen:
        raise PrintError(issue("print.other-care-plans", id=wanted, there=_listed(plans)))
    if len(chosen) > 1:
        raise PrintError(issue("print.which-care-plan", there=_listed(chosen)))
    if chosen[0].get("status") == "entered-in-error":
        raise PrintError(issue("print.entered-in-error", expression="CarePlan.status"))
    return chosen[0]


def _ids(plan: Resource) -> set[str]:
    return {string(plan, "id"), *(string(one, "value") for one in objects(plan, "identifier"))} - {""}


def _listed(plans: list[Resource]) -> str:
    """By their business identifiers, which people know, else by their ids."""
    return ", ".join(_known(one) or string(one, "id") or "?" for one in plans)


def _known(plan: Resource) -> str:
    return next((value for one in objects(plan, "identifier") if (value := string(one, "value"))), "")


def language_of(plan: Resource) -> str:
    """The language in which a plan is printed where nobody asks for another."""
    said = string(plan, "language")[:2]
    return said if said in LANGUAGES else "fi"


def _facts(
    plan: Resource, heap: Resources, language: str, now: datetime | None, behind: Resources | None = None
) -> Plan:
    words = spoken(language)
    facts = gather(plan, heap, words, now)
    if behind is not None and protected(plan, behind):
        facts = replace(facts, protected=True)
    return withhold(facts, behind or heap, words["[place withheld]"]) if facts.protected else facts


def _printable(facts: Plan, plan: Resource) -> None:
    """A paper without a single thing that was agreed is no plan."""
    said = (facts.title, facts.situation, facts.views, facts.strengths, facts.needs, facts.activities, facts.contacts)
    if not any(said):
        raise PrintError(issue("print.nothing-to-print", id=string(plan, "id") or "?"))
