"""From a plan to its sheet: title, banners, sections, what is missing, and what stands on every page."""

from datetime import datetime

from service.print import child as childs
from service.print.cards import next_contact, points
from service.print.dates import HELSINKI, day
from service.print.model import Plan
from service.print.saying import when
from service.print.sections import sections
from service.print.sheet import Item, Items, Section, Sheet
from service.print.words import Words


def sheet(plan: Plan, words: Words, now: datetime | None, *, child: bool = False, copy_of: str | None = None) -> Sheet:
    """The family's sheet, or the child's."""
    found = childs.sections(plan, words, now) if child else sections(plan, words, now)
    lacking = None if child or plan.is_copy else _lacking(plan, words)
    title = words["My plan"] if child and len(plan.children) < 2 else words["Our plan"] if child else plan.title
    names = words.both([one.short if child else one.name for one in plan.children])
    today = day(now.astimezone(HELSINKI).date().isoformat(), words.language) if now else ""
    return Sheet(
        language=words.language,
        own_language=plan.language or words.language,
        title=title or words["Shared plan"],
        own_title=bool(plan.title) and not child,
        subtitle=(names,) if child else tuple(filter(None, (names, *_when(plan, words)))),
        banners=tuple(_banners(plan, words, copy_of)),
        sections=(*found, lacking) if lacking else found,
        footer=words("Printed %(date)s", date=today) if today else "",
        page=words["Page {page} of {pages}"],
        child=child,
    )


def _when(plan: Plan, words: Words) -> list[str]:
    model = words.label(plan.model)
    made = words("made %(date)s", date=day(plan.made, words.language)) if plan.made else ""
    valid = when(plan.start, plan.end, words)
    return [model, made, words("in force %(period)s", period=valid) if valid else ""]


def _banners(plan: Plan, words: Words, copy_of: str | None) -> list[str]:
    match plan.status:
        case "draft":
            status = words["This is a draft. It has not been agreed yet."]
        case "on-hold":
            status = words["This plan is on hold."]
        case "revoked":
            status = words["This plan is no longer in force."]
        case "completed":
            status = words["This plan has been completed."]
        case _:
            status = ""
    copy = words("This is a copy. The original: %(original)s", original=copy_of) if copy_of else ""
    return [one for one in (copy, status) if one]


def gaps(plan: Plan) -> list[str]:
    """What the family would look for and not find, as names of `print.no-…` issues."""
    checks = {
        "needs": plan.needs,
        "measures": plan.activities,
        "responsible-worker": plan.responsible,
        "phone": not plan.responsible or any(points(one, plan) for one in plan.responsible),
        "ways": plan.worker_way or plan.family_way,
        "next-contact": next_contact(plan, None),
    }
    return [name for name, there in checks.items() if not there]


def _lacking(plan: Plan, words: Words) -> Section | None:
    lacking = gaps(plan)
    if not lacking:
        return None
    said = {
        "needs": words["what needs to change"],
        "measures": words["what is done about it"],
        "responsible-worker": words["who the responsible worker is"],
        "phone": words["how to reach the responsible worker by phone"],
        "ways": words["how we keep in touch"],
        "next-contact": words["when the next contact is"],
    }
    found = tuple([Item(said[name], own=False) for name in lacking])
    return Section("missing", words["What is missing from this paper"], (Items(found),))
