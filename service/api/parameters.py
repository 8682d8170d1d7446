"""What an operation was given: query parameters and a Parameters resource, read into one table.

https://hl7.org/fhir/R4/operations.html#executing, https://hl7.org/fhir/R4/parameters.html
"""

from collections.abc import Iterable
from typing import Any

from flask import request

from service.api.answers import FHIR_TYPES, body, sent
from service.api.errors import refused
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
        return self._one(name, str, "one text")

    def texts(self, name: str) -> list[str]:
        found = self.all(name)
        if not all(isinstance(value, str) for value in found):
            raise refused("http.parameter-value", name=name, expected="text")
        return found

    def object(self, name: str) -> dict[str, Any] | None:
        """A Coding, CodeableConcept or resource; None where it was not given."""
        return self._one(name, dict, "one object")

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

    def required(self, name: str) -> str:
        """A string-like value that must be there."""
        value = self.text(name)
        if not value:
            raise refused("http.parameter-missing", name=name)
        return value

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
    return parse(data)


def is_parameters(read: Any) -> bool:
    return isinstance(read, dict) and read.get("resourceType") == "Parameters"


def inputs(read: Any, known: Iterable[str]) -> Inputs:
    """Query and, where `read` is a Parameters resource, its parameters; a name not in `known` is refused."""
    values: dict[str, list[Any]] = {name: found for name, found in request.args.lists() if name not in GENERAL}
    if is_parameters(read):
        for name, value in _parts(read):
            values.setdefault(name, []).append(value)
    allowed = frozenset(known)
    if not allowed.issuperset(values):
        raise refused("http.parameter-unknown", known=", ".join(sorted(allowed)))
    return Inputs(values)


def given(*known: str) -> Inputs:
    """The inputs of an operation that takes parameters only, over GET or POST."""
    read = read_body() if request.method == "POST" else None
    if read is not None and not is_parameters(read):
        raise refused("http.parameters-malformed")
    return inputs(read, known)


def result(*parts: tuple[str, str, Any]) -> dict[str, Any]:
    """A Parameters resource of `(name, type, value)`, such as `("result", "Boolean", True)`; None values left out."""
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, f"value{kind}": value} for name, kind, value in parts if value is not None],
    }


def _parts(read: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    rows = read.get("parameter", [])
    if not isinstance(rows, list):
        raise refused("http.parameters-malformed")
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise refused("http.parameters-malformed")
        values = [value for key, value in row.items() if key == "resource" or key.startswith("value")]
        if len(values) != 1:
            raise refused("http.parameters-malformed")
        yield row["name"], values[0]
