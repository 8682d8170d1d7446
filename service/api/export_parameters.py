"""The parameters of `$export`, from an address or a Parameters resource, read into what is wanted.

https://hl7.org/fhir/uv/bulkdata/STU3/export.html#query-parameters
"""

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from flask import request

from service.api.answers import language
from service.api.auth import authority
from service.api.caller import Caller, caller
from service.api.context import store
from service.api.errors import Refused, refused
from service.api.parameters import is_parameters, parts, read_body
from service.api.rest import prefer, query_pairs
from service.api.scopes import covers
from service.export import filters
from service.export.compartments import Compartments
from service.export.wanted import ANY, ASSOCIATED, ORGANIZED, Level, Note, Wanted
from service.fhir.definitions import Definitions
from service.fhir.values import PRIMITIVES
from service.issues import Issue, issue
from service.store.records import ID
from service.store.rows import local
from service.store.values import micros, span

KNOWN = (
    "_outputFormat",
    "_since",
    "_until",
    "_type",
    "_elements",
    "patient",
    "includeAssociatedData",
    "_typeFilter",
    "organizeOutputBy",
    "allowPartialManifests",
)
FORMATS = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
_GENERAL = frozenset({"_format", "_pretty"})
_EVERYTHING = frozenset({"admin", "archive"})
_ELEMENT = 100


@dataclass(frozen=True, slots=True)
class Kickoff:
    """Which export is begun; `url` is the whole address that was called."""

    level: Level
    group: str
    url: str


@dataclass
class _Reading:
    """The values by name, and what became of those that cannot be used."""

    values: dict[str, list[Any]]
    notes: list[Note] = field(default_factory=list)

    def texts(self, name: str) -> list[str]:
        """Every value of a parameter that may be repeated."""
        found = self.values.get(name, [])
        if not all(isinstance(one, str) for one in found):
            raise _value(name, "…", "text")
        return found

    def listed(self, name: str) -> list[str]:
        """The same, each with commas between several."""
        return [part.strip() for one in self.texts(name) for part in one.split(",") if part.strip()]

    def one(self, name: str) -> str | None:
        found = self.texts(name)
        if len(found) > 1:
            raise _value(name, found[1], "one value")
        return found[0] if found else None

    def unsupported(self, found: Issue) -> None:
        """What may be left out of account where a client is lenient; others are told."""
        if prefer("handling") != "lenient":
            raise Refused([found], 400)
        self.note(found)

    def note(self, found: Issue) -> None:
        self.notes.append(Note(found.key, dict(found.params)))


def read(kickoff: Kickoff, compartments: Compartments) -> Wanted:
    """What is wanted; ends the request where it is not possible."""
    reading = _Reading(_values())
    by = caller()
    _names(reading)
    _format(reading)
    wanted = Wanted(
        level=kickoff.level,
        url=kickoff.url,
        allowed=_allowed(by),
        scope="everything" if by.role in _EVERYTHING else by.who.scope,
        organisations=() if by.role in _EVERYTHING else by.who.organisations,
        group=kickoff.group,
        since=_since(reading),
        until=_moment(reading, "_until"),
        types=_types(reading, kickoff.level, compartments, by),
        elements=_elements(reading),
        filters=_filters(reading),
        patients=_patients(reading, kickoff.level),
        organized=_organized(reading),
        associated=_associated(reading),
        role=by.role,
        language=language(),
        token=not authority().is_open(),
    )
    _partial(reading)
    return msgspec.structs.replace(wanted, notes=tuple(reading.notes))


def _values() -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    pairs: list[tuple[str, Any]] = list(query_pairs())
    if request.method == "POST":
        read_ = read_body()
        if read_ is not None and not is_parameters(read_):
            raise refused("http.parameters-malformed")
        pairs += parts(read_ or {})
    for name, value in pairs:
        if name not in _GENERAL:
            values.setdefault(name, []).append(value)
    return values


def _names(reading: _Reading) -> None:
    """Say which parameters are not known; end the request where the client wants that."""
    unknown = [issue("export.parameter-unknown", name=name, known=", ".join(KNOWN)) for name in reading.values]
    unknown = [one for one in unknown if one.params["name"] not in KNOWN]
    if unknown and prefer("handling") == "strict":
        raise Refused([replace(one, severity="error") for one in unknown], 400)
    for one in unknown:
        reading.note(one)


def _format(reading: _Reading) -> None:
    found = reading.one("_outputFormat")
    # A plus sign in an address is a space to a form decoder; nobody means the space.
    if found is not None and found.partition(";")[0].strip().replace(" ", "+") not in FORMATS:
        possible = ", ".join(f"`{one}`" for one in sorted(FORMATS))
        raise Refused([_unsupported("_outputFormat", found, possible)], 400)


def _allowed(by: Caller) -> tuple[str, ...]:
    """The types that the scopes of the caller let it read and search."""
    if covers(by.scopes, ANY, "r") and covers(by.scopes, ANY, "s"):
        return (ANY,)
    types = _definitions().types()
    named = {one.type for one in by.scopes if types.get(one.type) == "resource"}
    return tuple(sorted(one for one in named if covers(by.scopes, one, "r") and covers(by.scopes, one, "s")))


def _moment(reading: _Reading, name: str) -> int | None:
    text = reading.one(name)
    if text is None:
        return None
    text = text.replace(" ", "+")
    found = span(text) if PRIMITIVES["instant"](text) is None else None
    if found is None:
        raise _value(name, text, "an instant with seconds and an offset, as `2026-03-28T12:00:00Z`,")
    return found[0]


def _since(reading: _Reading) -> int | None:
    """What cannot have changed yet is never there: a mistake that would look like an export of nothing."""
    found = _moment(reading, "_since")
    if found is not None and found > micros(store().clock()):
        raise _value("_since", str(reading.one("_since")), "a moment that is not in the future")
    return found


def _types(reading: _Reading, level: Level, compartments: Compartments, by: Caller) -> tuple[str, ...]:
    asked = list(dict.fromkeys(reading.listed("_type")))
    found: list[str] = []
    for one in asked:
        if _definitions().types().get(one) != "resource":
            reading.unsupported(_unsupported("_type", one, "the resource types of FHIR R4"))
        elif not (covers(by.scopes, one, "r") and covers(by.scopes, one, "s")):
            raise refused("auth.scope", needed=f"system/{one}.rs")
        else:
            found.append(one)
    if level != "system" and found and not compartments.types.intersection(found):
        possible = "types in the compartment of patients"
        reading.unsupported(_unsupported("_type", found[0], possible))
    if asked and not found:
        raise Refused([_unsupported("_type", asked[0], "the resource types of FHIR R4")], 400)
    return tuple(found)


def _elements(reading: _Reading) -> tuple[str, ...]:
    found: list[str] = []
    for one in reading.listed("_elements")[:_ELEMENT]:
        first, dot, rest = one.partition(".")
        kind = _definitions().types().get(first) == "resource"
        if "." in rest or (dot and not kind) or (kind and not dot) or not (rest or first).isalnum():
            reading.unsupported(_unsupported("_elements", one, "`element` or `Type.element`, of the first level"))
        else:
            found.append(one)
    return tuple(found)


def _filters(reading: _Reading) -> tuple[str, ...]:
    found: list[str] = []
    for one in filters.split(reading.texts("_typeFilter")):
        try:
            filters.read(store(), one, 0)
        except filters.FilterError as error:
            reading.unsupported(issue("export.filter", value=one, reason=str(error)))
        else:
            found.append(one)
    return tuple(found)


def _patients(reading: _Reading, level: Level) -> tuple[str, ...]:
    given = reading.values.get("patient", [])
    if given and (level == "system" or request.method != "POST"):
        reading.unsupported(_unsupported("patient", "patient", "`POST` of an export of patients or of a group"))
        return ()
    found: list[str] = []
    for one in given:
        text = one.get("reference") if isinstance(one, dict) else one
        target = local(text, store().parameters.base_urls) if isinstance(text, str) else ""
        kind, _, id_ = target.partition("/")
        if kind != "Patient" or ID.fullmatch(id_) is None:
            raise _value("patient", target or "…", "a Reference to a Patient")
        found.append(target)
    return tuple(dict.fromkeys(found))


def _organized(reading: _Reading) -> str:
    found = reading.one("organizeOutputBy")
    if found is None or found in ORGANIZED:
        return found or ""
    reading.unsupported(_unsupported("organizeOutputBy", found, ", ".join(f"`{one}`" for one in ORGANIZED)))
    return ""


def _associated(reading: _Reading) -> tuple[str, ...]:
    found: list[str] = []
    for one in reading.listed("includeAssociatedData"):
        if one in ASSOCIATED:
            found.append(one)
        else:
            possible = ", ".join(f"`{name}`" for name in ASSOCIATED)
            reading.unsupported(_unsupported("includeAssociatedData", one, possible))
    return tuple(dict.fromkeys(found))


def _partial(reading: _Reading) -> None:
    """`allowPartialManifests` lets a server page its manifest; ours is always whole."""
    found = reading.values.get("allowPartialManifests", [])
    if len(found) > 1 or any(one not in ("true", "false", True, False) for one in found):
        raise _value("allowPartialManifests", str(found[-1])[:50], "`true` or `false`")


def _definitions() -> Definitions:
    return store().parameters.definitions


def _value(name: str, value: str, expected: str) -> Refused:
    return Refused([issue("export.parameter-value", name=name, value=value, expected=expected)], 400)


def _unsupported(name: str, value: str, possible: str) -> Issue:
    return issue("export.parameter-unsupported", name=name, value=value, possible=possible)
