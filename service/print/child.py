"""The child's own sheet: few things in large type. What I said, what is good, what helps, who helps, when we talk."""

from collections.abc import Iterator
from datetime import datetime

from service.print.cards import next_contact
from service.print.dates import clock, weekday
from service.print.model import Activity, Plan
from service.print.sheet import Block, Card, Heading, Item, Items, Paragraph, Quote, Row, Rows, Section
from service.print.words import Words

_OVER = frozenset({"completed", "cancelled", "stopped"})
_NEAR = ("home", "everyday-environment")


def sections(plan: Plan, words: Words, now: datetime | None) -> tuple[Section, ...]:
    """Only what concerns the child's own days: measures near the child, no services, permissions or notes."""
    found = (
        _said(plan, words),
        _listed("strengths", words["Good things"], plan.strengths),
        Section("doing", words["What helps"], tuple(_helps(plan, words))),
        Section("who", words["Who helps"], tuple(_who(plan, words))),
        Section("cards", "", (_when(plan, words, now),)),
    )
    return tuple(one for one in found if one.blocks)


def _said(plan: Plan, words: Words) -> Section:
    title = words["What I said"] if len(plan.views) < 2 else words["What we said"]
    several = len(plan.views) > 1
    quotes = (Quote(one.text, one.child.short if several and one.child else "") for one in plan.views)
    return Section("child", title, tuple(quotes))


def _listed(key: str, title: str, texts: tuple[str, ...]) -> Section:
    return Section(key, title, (Items(tuple(Item(one) for one in texts)),) if texts else ())


def _near(plan: Plan) -> list[Activity]:
    """Measures at home and in the everyday environment; where there are none of these, all there are."""
    measures = [one for one in plan.activities if one.kind == "measure" and one.status not in _OVER]
    near = [one for one in measures if one.environment in _NEAR]
    return near or measures


def _helps(plan: Plan, words: Words) -> Iterator[Block]:
    titles = {"home": words["At home"], "everyday-environment": words["At daycare or school"]}
    for environment in (*_NEAR, ""):
        chosen = [one for one in _near(plan) if (one.environment if one.environment in _NEAR else "") == environment]
        if chosen and environment:
            yield Heading(titles[environment])
        if chosen:
            yield Items(tuple(Item(one.text) for one in chosen))


def _who(plan: Plan, words: Words) -> Iterator[Block]:
    people = [party for one in _near(plan) for party in one.who if party.kind in ("family", "worker")]
    names = dict.fromkeys(one.short for one in (*people, *plan.responsible) if one.short)
    if names:
        yield Paragraph(words.both(names))
    yield Paragraph(words["You can always ask them, and tell them what you think."])


def _when(plan: Plan, words: Words, now: datetime | None) -> Card:
    contact = next_contact(plan, now)
    title = words["When we talk again"]
    if contact is None:
        return Card(title, (), (Paragraph(words["No time has been agreed yet."]),))
    big = (weekday(contact.start, words.language), clock(contact.start, contact.end, words.language))
    who = words.both(one.short for one in contact.who)
    return Card(title, tuple(filter(None, big)), (Rows((Row(words["With"], who),)),) if who else ())
