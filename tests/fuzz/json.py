"""Any bytes as JSON: read as the standard library reads them or refused with a place, written back and found again."""

import json as standard
from decimal import Decimal
from random import Random
from typing import Any

from service.fhir.json import JsonError, canonical, encode, escape, locate, parse, placed, resolve
from service.issues import issue
from tests.fuzz.kit import told
from tests.fuzz.mutation import json_mutant, places


def seeds() -> list[bytes]:
    return [
        b'{"a": 1.50, "b": [1e3, -0, "\\u00e4\\n", null], "c": {"": {}, "~/": []}}',
        b'\xef\xbb\xbf  [true, false, "\\ud83d\\ude00"]\r\n',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'["\\ud800"]',
        b"[" * 200,
        b'"\xff"',
        b'{"a": "b\\"c\\\\", "a\\u0062": "\\/", "ab": 12345678901234567890123}',
    ]


def mutate(data: bytes, rng: Random) -> bytes:
    return json_mutant(data, rng)


def once(data: bytes) -> None:
    try:
        value = parse(data)
    except JsonError as error:
        told([error.issue])
        assert locate(data, ["", "/a/0"]) is not None
        return
    assert value == _read(data)
    assert parse(encode(value)) == value
    assert canonical(parse(canonical(value))) == canonical(value)
    pointers = ["", *("".join(f"/{escape(str(step))}" for step in path) for path in places(value)[:200])]
    found = locate(data, pointers)
    assert set(found) == set(pointers)
    assert all(line >= 1 and column >= 1 for line, column in found.values())
    for pointer in pointers:
        resolve(value, pointer)
    told(placed([issue("general.all-ok", pointer=pointer) for pointer in pointers[:5]], data))


def _read(data: bytes) -> Any:
    def number(text: str) -> Any:
        return Decimal(text)

    return standard.loads(data.decode("utf-8-sig"), parse_float=number)


if __name__ == "__main__":
    from tests.fuzz.run import main

    main("json")
