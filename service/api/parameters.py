"""What an operation was given: query parameters and a Parameters resource, read into one table.

https://hl7.org/fhir/R4/operations.html#executing, https://hl7.org/fhir/R4/parameters.html
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import request

from service.api.answers import FHIR_TYPES, body, sent
from service.api.engine import engine
from service.api.errors import Refused, refused
from service.fhir.json import parse

# Parameters of every interaction, read elsewhere (answers.py).
GENERAL = frozenset({"_format", "_pretty"})


class Inputs:
    """Parameters by name; a name given several times has several values."""

    def __init__(self, values: dict[str, list[Any]]) -> None:
        self._values = values

    def all(self, name: str) -> list[Any]:
        return self._values.get(name, [])

    def has(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """A string-like value (uri, code, string, …); None where it was not given."""
        found: str | None = self._one(name, str, "one text")
        return found

    def texts(self, name: str) -> list[str]:
        found = self.all(name)
        if not all(isinstance(value, str) for value in found):
            raise refused("http.parameter-value", name=name, expected="text")
        return found

    def object(self, name: str) -> dict[str, Any] | None:
        """A Coding, CodeableConcept or resource; None where it was not given."""
        found: dict[str, Any] | None = self._one(name, dict, "one object")
        return found

    def flag(self, name: str) -> bool:
        """A boolean, false where it was not given; in a query it is `true` or `false`."""
        value = self._one(name, (bool, str), "`true` or `false`")
        if value in (None, False, "false"):
            return False
        if value in (True, "true"):
            return True
        raise refused("http.parameter-value", name=name, expected="`true` or `false`")

    def number(self, name: str) -> int | None:
        """A whole number that is not negative; None where it was not given."""
        value = self._one(name, (int, str), "a whole number")
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
        if value is None or (type(value) is int and value >= 0):
            return value
        raise refused("http.parameter-value", name=name, expected="a whole number")

    def _one(self, name: str, kinds: type | tuple[type, ...], expected: str) -> Any:
        found = self.all(name)
        if not found:
            return None
        if len(found) > 1 or not isinstance(found[0], kinds):
            raise refused("http.parameter-value", name=name, expected=expected)
        return found[0]


def read_body() -> Any:
    """The JSON of the body; None where there is none. Raises for another media type or text that is no JSON."""
    data = body()
    if not data and not request.mimetype:
        return None
    if sent() not in FHIR_TYPES:
        raise refused("http.media-type", possible=", ".join(FHIR_TYPES))
    read = parse(data)
    if read is None:  # `null` is no way to send nothing.
        raise refused("http.not-a-resource")
    return read


def is_parameters(read: Any) -> bool:
    return isinstance(read, dict) and read.get("resourceType") == "Parameters"


def inputs(read: Any, known: Iterable[str]) -> Inputs:
    """Query and, where `read` is a Parameters resource, its parameters; a name not in `known` is refused."""
    values: dict[str, list[Any]] = {name: found for name, found in request.args.lists() if name not in GENERAL}
    if is_parameters(read):
        for name, value in parts(read):
            values.setdefault(name, []).append(value)
    allowed = frozenset(known)
    if not allowed.issuperset(values):
        raise refused("http.parameter-unknown", known=", ".join(sorted(allowed)))
    return Inputs(values)


def given(known: Mapping[str, str]) -> dict[str, Any]:
    """The inputs of an operation over GET or POST by name, each of the kind that `known` says (see `KINDS`)."""
    read = read_body() if request.method == "POST" else None
    if read is not None and not is_parameters(read):
        raise refused("http.parameters-malformed")
    found = inputs(read, known)
    return {name: KINDS[kind](found, name) for name, kind in known.items() if found.has(name)}


def parts(read: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Each parameter of a Parameters resource: its name and its one value."""
    rows = read.get("parameter", [])
    if not isinstance(rows, list):
        raise refused("http.parameters-malformed")
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise refused("http.parameters-malformed")
        yield row["name"], _only(row)


def _only(row: Any) -> Any:
    """The one value, resource or list of parts of a parameter."""
    if not isinstance(row, dict):
        raise refused("http.parameters-malformed")
    values = [value for key, value in row.items() if key in ("resource", "part") or key.startswith("value")]
    if len(values) != 1:
        raise refused("http.parameters-malformed")
    return values[0]


def _coding(found: Inputs, name: str) -> Any:
    value = found.object(name)
    if not _is_coding(value):
        raise refused("http.parameter-value", name=name, expected="a Coding")
    return value


def _concept(found: Inputs, name: str) -> Any:
    value = found.object(name) or {}
    codings = value.get("coding", [])
    if not isinstance(codings, list) or not all(map(_is_coding, codings)):
        raise refused("http.parameter-value", name=name, expected="a CodeableConcept")
    return value


def _is_coding(value: Any) -> bool:
    names = ("system", "version", "code", "display")
    return isinstance(value, dict) and all(isinstance(value.get(name, ""), str) for name in names)


def _resource(found: Inputs, name: str) -> Any:
    """A resource that is used must be valid: what reads it relies on its shape."""
    value = found.object(name)
    wrong = [one for one in engine().converter.validator.validate(value) if one.is_error]
    if wrong:
        raise Refused(wrong)
    return value


def _dependencies(found: Inputs, name: str) -> Any:
    for value in found.all(name):
        row = dict(parts({"parameter": value}))
        if not isinstance(row.get("element"), str) or not isinstance(row.get("concept"), dict):
            raise refused("http.parameter-value", name=name, expected="parts `element` and `concept`")
        _concept(Inputs({"concept": [row["concept"]]}), "concept")
    return found.all(name)


KINDS: Mapping[str, Callable[[Inputs, str], Any]] = {
    "text": Inputs.text,
    "texts": Inputs.texts,
    "flag": Inputs.flag,
    "number": Inputs.number,
    "coding": _coding,
    "concept": _concept,
    "resource": _resource,
    "parts": _dependencies,
}
