"""The log of disclosures as a family can read it: what, whose, to whom, when, what for, on what grounds.

703/2023 10 § and 58 §: the client may have it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.clock import HELSINKI
from service.deliver.disclosing import DISCLOSURE
from service.deliver.words import words
from service.store.audit import Row
from service.store.outbox import WITHDRAWAL
from service.store.values import instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DESCRIBED = re.compile(r"(\S+) (\d+)(?:: ([^;]*))?(?:; taken back: (.*))?")
_BASIS = re.compile(r"(\S+) (\S+): (.*)")
INTERACTIONS = (DISCLOSURE, WITHDRAWAL)
Names = Mapping[str, str]
"""Names of organisations by their OIDs."""
Parts = Callable[[str, str], str]
"""(code of a part of a plan, language) → its name."""


@dataclass(frozen=True, slots=True)
class Told:
    """One disclosure or withdrawal, taken apart."""

    at: datetime
    interaction: str
    plan: str
    version: str
    parts: tuple[str, ...]
    taken_back: tuple[str, ...]
    provider: str
    recipient: str
    purposes: tuple[str, ...]
    bases: tuple[tuple[str, str, str], ...]
    confirmed: str
    digests: tuple[str, ...]


def told(rows: Iterable[Row]) -> list[Told]:
    """The disclosures and withdrawals among rows of the use log, the oldest first."""
    return sorted(
        (_told(row) for row in rows if row.event().detail.interaction in INTERACTIONS), key=lambda one: one.at
    )


def as_json(one: Told, names: Names) -> dict[str, Any]:
    """The same for programs."""
    made: dict[str, Any] = {
        "recorded": instant((one.at - _EPOCH) // timedelta(microseconds=1)),
        "kind": one.interaction,
        "plan": one.plan,
        "version": one.version,
        "parts": list(one.parts),
        "takenBack": list(one.taken_back),
        "provider": one.provider,
        "recipient": one.recipient,
        "recipientName": names.get(one.recipient, ""),
        "purpose": list(one.purposes),
        "basis": [{"kind": kind, "reference": reference, "provision": law} for kind, reference, law in one.bases],
        "confirmed": one.confirmed,
        "sha256": list(one.digests),
    }
    return {name: value for name, value in made.items() if value}


def text(rows: Iterable[Told], names: Names, parts: Parts, language: str, now: datetime) -> str:
    """The whole print-out as plain text."""
    lines = [_word("title", language), f"{_word('made', language)} {_moment(now)}", ""]
    blocks = ["\n".join(_block(one, names, parts, language)) for one in rows]
    lines.append("\n\n".join(blocks) if blocks else _word("none", language))
    return "\n".join([*lines, "", _word("rights", language)])


def _block(one: Told, names: Names, parts: Parts, language: str) -> list[str]:
    head = _word("withdrawn" if one.interaction == WITHDRAWAL else "given", language)
    shown = ", ".join(parts(code, language) for code in one.parts) or _word("all", language)
    what = f"{_word('plan', language)} {one.version}"
    rows = [
        ("what", what if one.interaction == WITHDRAWAL else f"{what}: {shown}"),
        ("gone", str(len(one.taken_back) or "")),
        ("whose", _name(one.provider, names)),
        ("to", _name(one.recipient, names)),
        ("why", "; ".join(_purpose(each, language) for each in one.purposes)),
        ("basis", "; ".join(_grounds(each, language) for each in one.bases)),
        ("confirmed", one.confirmed),
        ("hash", " ".join(one.digests)),
    ]
    return [f"{head} {_moment(one.at)}", *(f"  {_word(name, language)}: {value}" for name, value in rows if value)]


def _told(row: Row) -> Told:
    detail = row.event().detail
    described = _DESCRIBED.fullmatch(detail.description)
    return Told(
        _EPOCH + timedelta(microseconds=row.recorded),
        detail.interaction,
        detail.request.partition("/_history")[0],
        described[2] if described else "",
        tuple((described[3] or "").split(", ")) if described and described[3] else (),
        tuple((described[4] or "").split()) if described else (),
        detail.provider,
        detail.recipient,
        tuple(one for one in detail.purpose.split("; ") if one),
        tuple((found[1], found[2], found[3]) for one in detail.basis.split("; ") if (found := _BASIS.fullmatch(one))),
        detail.confirmed,
        detail.digests,
    )


def _word(name: str, language: str) -> str:
    return words()["text"][name][language]


def _name(oid: str, names: Names) -> str:
    return f"{names[oid]} ({oid})" if oid in names else oid


def _purpose(shown: str, language: str) -> str:
    """A purpose that is one of ours in the reader's language; any other as the permission says it."""
    return next((row[language] for row in words()["purpose"].values() if row["fi"] == shown), shown)


def _grounds(basis: tuple[str, str, str], language: str) -> str:
    kind, _, law = basis
    named = words()["kind"].get(kind, {}).get(language, kind)
    return f"{named} ({law})" if law else named


def _moment(at: datetime) -> str:
    local = at.astimezone(HELSINKI)
    return f"{local.day}.{local.month}.{local.year} {local:%H.%M}"
