"""What must be found at a glance: the next contact and the responsible worker."""

from datetime import datetime

from service.print.dates import HELSINKI, clock, moment, weekday
from service.print.model import Contact, Party, Plan, Telecom
from service.print.saying import OWN, everybody, full, reach, rows, short
from service.print.sheet import Card, Paragraph, Rows
from service.print.words import Words

GONE = frozenset({"cancelled", "noshow"})
_UNCONFIRMED = frozenset({"proposed", "pending", "waitlist"})


def cards(plan: Plan, words: Words, now: datetime | None) -> tuple[Card, ...]:
    """The next contact, then whom to call. A copy may lack either, and then says nothing of it."""
    contact = () if plan.is_copy and not plan.contacts else (_contact(plan, words, now),)
    workers = () if plan.is_copy and not plan.responsible else (_workers(plan, words),)
    return *contact, *workers


def next_contact(plan: Plan, now: datetime | None) -> Contact | None:
    """The first agreed contact that is still ahead; where none is, the last one there was."""
    if not plan.contacts:
        return None
    agreed = sorted([one for one in plan.contacts if one.status not in GONE and one.start], key=_key)
    ahead = [one for one in agreed if not passed(one, now)]
    return next(iter(ahead or agreed[-1:]), None)


def _key(contact: Contact) -> float:
    found = moment(contact.start)
    if isinstance(found, datetime):
        return found.timestamp()
    return datetime(found.year, found.month, found.day, tzinfo=HELSINKI).timestamp() if found else 0.0


def passed(contact: Contact, now: datetime | None) -> bool:
    """Whether the contact is over at `now`; without a `now` nothing is."""
    found = moment(contact.end or contact.start) if now else None
    if now is None or found is None:
        return False
    return found < now if isinstance(found, datetime) else found < now.astimezone(HELSINKI).date()


def _contact(plan: Plan, words: Words, now: datetime | None) -> Card:
    contact = next_contact(plan, now)
    title = words["Next contact"]
    asked = [_hidden(plan, words)] if plan.protected else []
    if contact is None:
        gone = any(one.status in GONE for one in plan.contacts)
        said = words["The agreed time was cancelled. Agree on a new time with the responsible worker."]
        remark = said if gone else words["No time has been agreed yet."]
        return Card(title, (), tuple([Paragraph(one) for one in (remark, *asked)]))
    big = (weekday(contact.start, words.language), clock(contact.start, contact.end, words.language))
    remarks = [
        words["This time has already passed."] if passed(contact, now) else "",
        words["The time is not confirmed yet."] if contact.status in _UNCONFIRMED else "",
    ]
    found = rows(
        words,
        ("How", words.label(contact.method)),
        ("Phone", contact.phone),
        ("Link", contact.link),
        ("Joining", contact.joining, OWN),
        ("Place", "" if plan.protected else contact.place),
        ("With", everybody(contact.who, words)),
        ("About", contact.text, OWN),
    )
    texts = tuple([Paragraph(one) for one in (*filter(None, remarks), *asked)])
    return Card(title, tuple(filter(None, big)), (Rows(found), *texts) if found else texts)


def _hidden(plan: Plan, words: Words) -> str:
    if not plan.responsible:
        return words["For your safety, this paper has no addresses or places. Ask the worker you know for them."]
    names = words.both([one.name or short(one, words) for one in plan.responsible])
    return words(
        "For your safety, this paper has no addresses or places. Ask the responsible worker for them: %(name)s.",
        name=names,
    )


def _workers(plan: Plan, words: Words) -> Card:
    if not plan.responsible:
        said = words["No responsible worker has been named yet."]
        return Card(words["Your responsible worker"], (), (Paragraph(said),))
    single = len(plan.responsible) == 1
    title = words["Your responsible worker"] if single else words["Your responsible workers"]
    blocks: list[Rows | Paragraph] = []
    for one in plan.responsible:
        if not single and one.name:
            blocks.append(Paragraph(one.name, strong=True))
        employer = full(one.organisation, words) if one.organisation else ""
        if what := ", ".join(filter(None, [one.role, employer])):
            blocks.append(Paragraph(what))
        reached = tuple([reach(point, words) for point in points(one, plan)])
        blocks.append(Rows(reached) if reached else Paragraph(words["No phone number has been recorded."]))
    return Card(title, (plan.responsible[0].name,) if single else (), tuple(blocks))


def points(party: Party, plan: Plan) -> tuple[Telecom, ...]:
    """How to reach a worker: own numbers first, else the employer's, else what was agreed in the plan."""
    every = party.telecom or (party.organisation.telecom if party.organisation else ())
    if not every and plan.family_way is not None and plan.family_way.who in (None, party):
        return plan.family_way.telecom
    return every
