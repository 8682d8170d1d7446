"""Findings are values: an `Issue` says what is wrong, where, and what to do, in Finnish, Swedish or English.

Every kind of issue is one table in `service/texts/<area>.toml`; its key is `<area>.<name>` and is never reused.
The table holds the default severity, the FHIR issue type (https://hl7.org/fhir/R4/valueset-issue-type.html) and
the three texts; values stand in them as `{name}`. `docs/errors.md` is generated from the same files.
"""

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

LANGUAGES = ("fi", "sv", "en")
SEVERITIES = ("fatal", "error", "warning", "information")
ISSUE_KEY_SYSTEM = "https://yhdessa.example/fhir/CodeSystem/issue-key"
POINTER_EXTENSION = "https://yhdessa.example/fhir/StructureDefinition/issue-pointer"
MAP_EXTENSION = "https://yhdessa.example/fhir/StructureDefinition/issue-map-position"
LINE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
COLUMN_EXTENSION = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"

# The last net under every text that leaves: whatever looks like a HETU (or one with a typing error in its last
# character) is masked, even where a caller forgot to.
_HETU = re.compile(r"(?<![0-9A-Za-z])[0-3]\d[01]\d\d\d[-+A-FU-Y]\d{3}[0-9A-Za-z](?![0-9A-Za-z])", re.IGNORECASE)
_SHORTEST = 11
_TEXTS = Path(__file__).parent / "texts"
_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table of issues."""

    key: str
    severity: str
    code: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding.

    `pointer` is a JSON Pointer (RFC 6901) into the JSON that was given; `expression` a FHIRPath to the element;
    `line` and `column` count from 1 in the given text; `where` is a map position (`file:line:column`); `profile`
    and `constraint` name the rule that failed.
    """

    key: str
    severity: str
    code: str
    params: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    pointer: str | None = None
    expression: str | None = None
    line: int | None = None
    column: int | None = None
    where: str | None = None
    profile: str | None = None
    constraint: str | None = None

    def text(self, language: str = "en") -> str:
        """The sentence for a person, in `fi`, `sv` or `en`."""
        return masked(kind_of(self.key).texts[language].format_map(_Shown(self.params)))

    @property
    def is_error(self) -> bool:
        return self.severity in ("error", "fatal")


class _Shown(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


def issue(
    key: str,
    *,
    severity: str | None = None,
    pointer: str | None = None,
    expression: str | None = None,
    line: int | None = None,
    column: int | None = None,
    where: str | None = None,
    profile: str | None = None,
    constraint: str | None = None,
    **params: object,
) -> Issue:
    """An issue of the kind `key`; `params` fill its text. A key that no table holds is a `KeyError`."""
    kind = kind_of(key)
    shown = {name: _shorten(str(value)) for name, value in params.items()}
    return Issue(
        key, severity or kind.severity, kind.code, shown, pointer, expression, line, column, where, profile, constraint
    )


def masked(text: str) -> str:
    """`text` with everything that looks like a Finnish personal identity code (HETU) masked."""
    return _HETU.sub("******-****", text) if len(text) >= _SHORTEST else text


def has_errors(issues: Iterable[Issue]) -> bool:
    """Whether any of them is an error or fatal."""
    return any(found.is_error for found in issues)


def outcome(issues: Iterable[Issue], language: str = "en") -> dict[str, Any]:
    """An OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html); all well is one `information` issue."""
    rows = [_outcome_issue(found, language) for found in issues]
    if not rows:
        rows = [_outcome_issue(_all_ok(), language)]
    return {"resourceType": "OperationOutcome", "issue": rows}


@functools.cache
def _all_ok() -> Issue:
    return issue("general.all-ok")


def _outcome_issue(found: Issue, language: str) -> dict[str, Any]:
    extensions: list[dict[str, Any]] = []
    if found.line is not None:
        extensions.append({"url": LINE_EXTENSION, "valueInteger": found.line})
    if found.column is not None:
        extensions.append({"url": COLUMN_EXTENSION, "valueInteger": found.column})
    if found.pointer is not None:
        # FHIR strings must not be empty: the pointer to the whole document is shown as "#".
        extensions.append({"url": POINTER_EXTENSION, "valueString": masked(found.pointer) or "#"})
    if found.where is not None:
        extensions.append({"url": MAP_EXTENSION, "valueString": found.where})
    row: dict[str, Any] = {"extension": extensions} if extensions else {}
    row |= {
        "severity": found.severity,
        "code": found.code,
        "details": {"coding": [{"system": ISSUE_KEY_SYSTEM, "code": found.key}], "text": found.text(language)},
    }
    rule = " ".join(part for part in (found.profile, found.constraint) if part)
    if rule:
        row["diagnostics"] = rule
    if found.expression:
        row["expression"] = [masked(found.expression)]
    return row


def _shorten(value: str, most: int = 200) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"


@functools.cache
def kinds() -> Mapping[str, Kind]:
    """Every kind of issue there is, by key."""
    areas = sorted(file.stem for file in _TEXTS.glob("*.toml"))
    return MappingProxyType({key: kind for area in areas for key, kind in _area(area).items()})


def kind_of(key: str) -> Kind:
    """The kind with this key; `KeyError` where there is none."""
    # Only the texts of its area are read: all of them take a twentieth of the start.
    return _area(key.partition(".")[0])[key]


@functools.cache
def _area(area: str) -> Mapping[str, Kind]:
    table: dict[str, Kind] = {}
    file = _TEXTS / f"{area}.toml"
    for name, row in tomllib.loads(file.read_text("utf-8") if file.exists() else "").items():
        texts = MappingProxyType({language: row[language] for language in LANGUAGES})
        key = f"{area}.{name}"
        table[key] = Kind(key, row.get("severity", "error"), row["code"], texts)
    return MappingProxyType(table)
