"""Small phrases that every section needs: who, when, how to reach them."""

from collections.abc import Iterable, Sequence

from service.print.dates import clock, day, span
from service.print.model import Party, Plan, Telecom
from service.print.sheet import Row
from service.print.words import Words


def role(party: Party, words: Words, language: str) -> str:
    """Profession, family relation or sector: the source's own words where they are in the language of the sheet."""
    coded = words.small(party.role)
    vague = (party.role or {}).get("code") in (None, "muu", "other")
    if party.role_text and (vague or language == words.language):
        return party.role_text
    return coded


def short(party: Party, words: Words, language: str) -> str:
    """As people of the family say it: `Ilona (mother)`; professionals and organisations by their whole name."""
    what = role(party, words, language)
    if party.kind == "organisation":
        return party.name or what or words("an organisation")
    name = party.short if party.kind in ("family", "child") else party.name
    if not name:
        return what
    return f"{name} ({what})" if what and party.kind in ("family", "worker") else name


def full(party: Party, words: Words, language: str) -> str:
    """The whole name: `Riku Sarastus (family counsellor, Pohjois-Savon perhekeskus)`."""
    what = role(party, words, language)
    if party.kind in ("organisation", "place"):
        return party.name or what or words("an organisation")
    employer = short(party.organisation, words, language) if party.organisation else ""
    more = ", ".join(filter(None, [what, employer]))
    return f"{party.name} ({more})" if more and party.name else party.name or more


def everybody(parties: Iterable[Party], words: Words, language: str) -> str:
    """Short names in a row."""
    return words.both(short(one, words, language) for one in parties)


def whom(children: Sequence[Party], plan: Plan, words: Words) -> str:
    """Which children of several it is about; nothing where it is about them all."""
    return words.both(one.short for one in children) if len(children) < len(plan.children) else ""


def when(start: str, end: str, words: Words) -> str:
    """`from 17 September 2025`, `by 31 October 2025`, or both days."""
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
            label = words("Phone")
        case "sms":
            label = words("Text message")
        case "email":
            label = words("E-mail")
        case "url":
            label = words("On the web")
        case _:
            label = words("Contact")
    return Row(label, f"{telecom.value} ({telecom.hours})" if telecom.hours else telecom.value)


def rows(*given: Row | None) -> tuple[Row, ...]:
    """Those that say something."""
    return tuple([one for one in given if one is not None and one.value])
