"""Small phrases that every section needs: who, when, how to reach them."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from service.print.dates import clock, day, span
from service.print.model import Party, Plan, Telecom
from service.print.sheet import Row
from service.print.words import Words

# A label (the sentence in English) with what it says, and whether these are the plan's own words.
Said: TypeAlias = tuple[str, str] | tuple[str, str, bool]
OWN = True


def short(party: Party, words: Words) -> str:
    """As people of the family say it: `Ilona (mother)`; professionals and organisations by their whole name."""
    if party.kind == "organisation":
        return party.name or party.role or words["an organisation"]
    name = party.short if party.kind in ("family", "child") else party.name
    if not name:
        return party.role
    return f"{name} ({party.role})" if party.role and party.kind in ("family", "worker") else name


def full(party: Party, words: Words, *, employer: bool = True) -> str:
    """The whole name: `Riku Sarastus (family counsellor, Pohjois-Savon perhekeskus)`."""
    if party.kind in ("organisation", "place"):
        return party.name or party.role or words["an organisation"]
    works_at = short(party.organisation, words) if party.organisation and employer else ""
    more = ", ".join(filter(None, [party.role, works_at]))
    return f"{party.name} ({more})" if more and party.name else party.name or more


def everybody(parties: Iterable[Party], words: Words) -> str:
    """Short names in a row."""
    return words.both([short(one, words) for one in parties])


def whom(children: Sequence[Party], plan: Plan, words: Words) -> str:
    """Which children of several it is about; nothing where it is about them all."""
    if not children or len(children) >= len(plan.children):
        return ""
    return words.both([one.short for one in children])


def when(start: str, end: str, words: Words) -> str:
    """`from 17 September 2025`, `by 31 October 2025`, or both days."""
    if not start and not end:
        return ""
    opening, closing, both = span(start or None, end or None, words.language)
    if opening:
        return words("from %(date)s", date=opening)
    return words("by %(date)s", date=closing) if closing else both


def at(moment: str, words: Words) -> str:
    """A day with its time: `17 September 2025, 14:20`."""
    time = clock(moment, None, words.language)
    between = ", " if words.language == "en" else " "
    return between.join(filter(None, [day(moment, words.language), time]))


def reach(telecom: Telecom, words: Words) -> Row:
    """A telephone number or an address of a worker, with the hours when it is answered."""
    match telecom.system:
        case "phone":
            label = words["Phone"]
        case "sms":
            label = words["Text message"]
        case "email":
            label = words["E-mail"]
        case "url":
            label = words["On the web"]
        case _:
            label = words["Contact"]
    return Row(label, f"{telecom.value} ({telecom.hours})" if telecom.hours else telecom.value)


def rows(words: Words, *given: Said) -> tuple[Row, ...]:
    """Those that say something, with their labels in the language of the sheet."""
    return tuple([Row(words[one[0]], *one[1:]) for one in given if one[1]])
