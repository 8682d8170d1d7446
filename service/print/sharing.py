"""Who has this plan, why, and how a permission is withdrawn."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from service.print.model import Plan, Recipient
from service.print.saying import OWN, at, everybody, rows, short, when, whom
from service.print.sheet import Block, Heading, Item, Items, Paragraph, Section
from service.print.words import Words

CLOSED = frozenset({"refused", "revoked", "other"})


def recipients(plan: Plan, words: Words, _now: datetime | None) -> Section:
    """Always there: also that nobody else has the plan is worth knowing."""
    at_hand = " ".join(_at_hand(plan, words))
    blocks: list[Block] = [Paragraph(at_hand)] if at_hand else []
    given: list[Item] = []
    closed: list[Item] = []
    telling: list[Item] = []
    for one in plan.recipients:
        chosen = telling if one.direction == "from" else closed if one.status in CLOSED else given
        chosen.append(_item(one, plan, words))
    if plan.is_copy:
        blocks.append(Paragraph(words["This is a copy for one recipient. It does not tell who else has the plan."]))
    elif not given:
        blocks.append(Paragraph(words["There is no permission in force to give this plan to others."]))
    if given:
        blocks.append(Items(tuple(given)))
    if closed:
        blocks += [Heading(words["Who is not given the plan, or not any more"]), Items(tuple(closed))]
    if telling:
        blocks += [Heading(words["Who may tell us about your matters"]), Items(tuple(telling))]
    blocks += _withdrawing(plan.recipients, words)
    return Section("recipients", words["Who has this plan, and why"], tuple(blocks))


def _at_hand(plan: Plan, words: Words) -> Iterator[str]:
    if plan.keeper:
        yield words("The original is kept by: %(name)s.", name=plan.keeper)
    if plan.responsible:
        names = words.both([one.name or short(one, words) for one in plan.responsible])
        if len(plan.responsible) > 1:
            yield words("The responsible workers have it: %(names)s.", names=names)
        else:
            yield words("The responsible worker has it: %(name)s.", name=names)
    printed = [
        ", ".join(filter(None, [short(one.to, words), at(one.printed, words) if one.printed else ""]))
        for one in plan.papers
    ]
    if printed:
        yield words("On paper: %(names)s.", names=words.both(printed))


def _item(one: Recipient, plan: Plan, words: Words) -> Item:
    parts = words.both([words.small(coding) for coding in one.parts])
    told = one.party.kind == "organisation" and one.party.name and one.party.code != "other"
    what = one.party.role if told else ""
    name = short(one.party, words) or words["an organisation"]
    return Item(f"{name}, {what}" if what else name, rows(
        words,
        ("May tell" if one.direction == "from" else "What", "" if one.status in CLOSED else parts),
        ("Concerns", whom(one.children, plan, words)),
        ("Why", _why(one, plan, words)),
        ("Purpose", one.purpose, OWN),
        ("In words", one.text, OWN),
    ), own=False, strong=True)  # fmt: skip


def _why(one: Recipient, plan: Plan, words: Words) -> str:
    if one.basis is None:
        law = one.provision or words["the provision has not been recorded"]
        return words("The law gives the right to this: %(provision)s. No permission is needed.", provision=law)
    kind = words.label(one.basis) or words["Permission"]
    given = f"{kind} {at(one.given, words)}" if one.given else kind
    by = everybody(one.given_by, words)
    if one.status == "refused":
        return _sentences([words["You did not give permission. Nothing is given."], _by(by, words)])
    if one.status == "revoked":
        said = words("Withdrawn %(date)s.", date=at(one.revoked, words)) if one.revoked else words["Withdrawn."]
        return _sentences([f"{given}.", _by(by, words), said, words["Nothing more is given."]])
    if one.status == "other":
        return _sentences([f"{given}.", words["The permission is not in force."]])
    method = f" ({words.small(one.method)})" if one.method else ""
    valid = when(one.start, one.end, words)
    said = words("In force %(period)s.", period=valid) if valid else ""
    return _sentences([f"{given}{method}.", _by(by, words), said, f"{one.provision}." if one.provision else ""])


def _by(names: str, words: Words) -> str:
    return words("Decided by: %(names)s.", names=names) if names else ""


def _sentences(every: Iterable[str]) -> str:
    return " ".join(filter(None, every))


def _withdrawing(every: Iterable[Recipient], words: Words) -> Iterator[Block]:
    found = list(every)
    if any(one.basis is not None and one.status == "active" for one in found):
        yield Heading(words["How to withdraw a permission"])
        yield Paragraph(words[
            "You can withdraw your permission at any time. Tell the responsible worker. You do not need to give a "
            "reason. After that, nothing more is given on the basis of the permission."
        ])  # fmt: skip
    if None in [one.basis for one in found]:
        yield Paragraph(words[
            "What the law allows cannot be withdrawn. You can ask the responsible worker why it is necessary."
        ])  # fmt: skip
