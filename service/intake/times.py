"""Local time in Helsinki and FHIR dateTime (https://hl7.org/fhir/R4/datatypes.html#dateTime)."""

import functools
import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

HELSINKI = ZoneInfo("Europe/Helsinki")
_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:\d{2})$")


class Gap(ValueError):
    """A local time that the clocks skip in spring."""


class Twice(ValueError):
    """A local time that the clocks show twice in autumn; `offsets` are the two it may mean."""

    def __init__(self, offsets: tuple[str, str]) -> None:
        super().__init__(" / ".join(offsets))
        self.offsets = offsets


@functools.lru_cache(4096)
def moment(text: str) -> datetime:
    """The moment that `text` means; without offset it is local time in Helsinki.

    `ValueError` for what is no time (25:00, 30 February), `Gap` and `Twice` for local times that are not one moment.
    """
    found = datetime.fromisoformat(_micro(text))
    if found.tzinfo is not None:
        return found
    early, late = (found.replace(tzinfo=HELSINKI, fold=fold) for fold in (0, 1))
    first, second = early.utcoffset(), late.utcoffset()
    if first == second:
        return early
    if early.astimezone(UTC).astimezone(HELSINKI).replace(tzinfo=None) != found:
        raise Gap(text)
    raise Twice((_offset(early), _offset(late)))


@functools.lru_cache(4096)
def full(text: str) -> str:
    """`text` as FHIR wants a dateTime with time: with seconds and offset; digits of fractions stay as they are."""
    match = _OFFSET.search(text)
    local = text[: match.start()] if match else text
    offset = match[0] if match else _offset(moment(text))
    return f"{local}:00{offset}" if len(local) == 16 else local + offset


def day(text: str) -> date | None:
    """The date that `text` (a date, or a time: then its date in Helsinki) means; nothing where it means none."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else moment(text).astimezone(HELSINKI).date()
    except (ValueError, OverflowError):
        return None


def when(text: str) -> datetime | None:
    """The moment of a date (its first, in Helsinki) or a time; nothing where it means none."""
    try:
        return moment(f"{text}T00:00" if len(text) == 10 else text)
    except (ValueError, OverflowError):
        return None


def _micro(text: str) -> str:
    """`datetime` knows microseconds only: digits beyond them do not change which of two times is earlier for us."""
    return re.sub(r"(\.\d{1,6})\d*", lambda match: match[1].ljust(7, "0"), text)


def _offset(when: datetime) -> str:
    text = when.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"
