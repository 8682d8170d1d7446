"""How long a record is kept: its class, what the years are counted from, and the day on which they end.

703/2023, annex; the figures stand in schemas/retention.toml. Where a closing or a death is not known, there is no end.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec

from service import assets
from service.issues import Issue, issue
from service.strict_toml import Key, Reader, read_toml

From = Literal["closing", "death", "recorded", "end", ""]
_KEYS = {
    "years": Key("whole", "How many years."),
    "from": Key("text", "What they are counted from.", choices=("closing", "death", "recorded", "end")),
    "source": Key("text", "Where that is said.", required=True),
    "types": Key("texts", "Resource types of the class.", required=True),
}
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T.*)?")
UNKNOWN = "unclassified"


class RetentionError(ValueError):
    """Rules or facts that cannot be used; `issues` say where and why."""

    def __init__(self, issues: Collection[Issue]) -> None:
        super().__init__("; ".join(one.key for one in issues))
        self.issues = list(issues)


@dataclass(frozen=True, slots=True)
class Class:
    """A class of records; without `start` or `years` it has no end."""

    key: str
    source: str
    years: int | None = None
    start: From = ""


@dataclass(frozen=True, slots=True)
class End:
    """When a record's time is over. Without `day` it is not known, and `why` says what is missing."""

    start: date | None = None
    day: date | None = None
    why: str = ""


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the client system knows of a client; `hold` is a reason for which nothing may be destroyed."""

    patient: str
    closed: str | None = None
    died: str | None = None
    hold: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The classes, by key and by resource type."""

    classes: Mapping[str, Class]
    types: Mapping[str, str]

    def of(self, type_name: str) -> Class:
        """The class of a resource type; what nobody has classified is kept."""
        return self.classes.get(self.types.get(type_name, ""), Class(UNKNOWN, "no class in the rules"))

    @classmethod
    def load(cls, file: Path | None = None) -> "Rules":
        """The rules in a file, or those that travel with the program. Raises `RetentionError`."""
        place = file or assets.schemas() / "retention.toml"
        tables, reader = read_toml(place, lambda given: {name: Key("table", name, keys=_KEYS) for name in given})
        classes: dict[str, Class] = {}
        types: dict[str, str] = {}
        for name, row in tables.items():
            classes[name] = Class(name, row.get("source", ""), row.get("years"), row.get("from", ""))
            for one in row.get("types", ()):
                _once(reader, types, one, name)
        if reader.issues:
            raise RetentionError(reader.issues)
        return cls(classes, types)


def _once(reader: Reader, types: dict[str, str], one: str, name: str) -> None:
    if one in types:
        reader.wrong("toml.value", (name, "types"), expected=f"each type once; `{one}` is in `{types[one]}` as well")
    types[one] = name


@dataclass(frozen=True, slots=True)
class Facts:
    """Closings, deaths and holds by patient (`Patient/<id>`)."""

    rows: Mapping[str, Fact] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path | None) -> "Facts":
        """From NDJSON: `{"patient": "Patient/…", "closed": "2026-01-31", "died": …, "hold": …}`. `RetentionError`."""
        rows: dict[str, Fact] = {}
        found: list[Issue] = []
        for number, line in enumerate(file.read_bytes().splitlines() if file else (), 1):
            if not line.strip():
                continue
            try:
                one = msgspec.json.decode(line, type=Fact)
            except msgspec.MsgspecError as error:
                found.append(issue("archive.fact", where=f"{file}:{number}", reason=error))
                continue
            if any(value is not None and day(value) is None for value in (one.closed, one.died)):
                found.append(issue("archive.fact", where=f"{file}:{number}", reason="a day is written as 2026-01-31"))
            rows[one.patient] = one
        if found:
            raise RetentionError(found)
        return cls(rows)

    def closed(self, patient: str) -> date | None:
        found = self.rows.get(patient)
        return day(found.closed) if found and found.closed else None

    def died(self, patient: str) -> date | None:
        found = self.rows.get(patient)
        return day(found.died) if found and found.died else None

    def hold(self, patient: str) -> str | None:
        found = self.rows.get(patient)
        return found.hold if found else None


def end(
    class_: Class,
    patients: Iterable[str],
    facts: Facts,
    died: Callable[[str], date | None],
    resource: Mapping[str, Any] | None = None,
) -> End:
    """When the time of a record of that class is over, which is about these patients.

    Of several patients the last closing or death counts, and all must be known. `died` knows what the record itself
    says of a death; `resource` is the record, where its own days count.
    """
    if class_.years is None or not class_.start:
        return End(why="no-period" if class_.years is None else "no-start")
    if class_.start in ("closing", "death"):
        every = sorted(patients)
        known = facts.closed if class_.start == "closing" else (lambda one: facts.died(one) or died(one))
        days = [known(one) for one in every]
        if not every:
            return End(why="no-patient")
        start = None if None in days else max(one for one in days if one is not None)
    else:
        start = own_day(class_.start, resource or {})
    if start is None:
        return End(why=f"{class_.start}-unknown")
    return End(start, _after(start, class_.years))


def own_day(start: str, resource: Mapping[str, Any]) -> date | None:
    """The day that a resource itself gives for `recorded` or `end`."""
    names = ("end", "start") if start == "end" else ("recorded", "authored", "created", "date", "dateTime")
    return next((found for name in names if (found := day(resource.get(name)))), None)


def day(value: Any) -> date | None:
    """The day of a FHIR date or dateTime that has one."""
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _after(start: date, years: int) -> date:
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 3, 1)  # From 29 February, where that year has none: rather a day too long.


__all__ = ["Class", "End", "Fact", "Facts", "RetentionError", "Rules", "day", "end"]
