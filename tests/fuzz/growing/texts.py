"""What may grow in JSON text, and in the pointers whose places are sought."""

from collections.abc import Callable
from typing import Any

from service.fhir import json
from tests.fuzz.growing.base import Growth, Work


def parsing(text: Callable[[int], str]) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        data = text(size).encode()

        def work() -> None:
            try:
                json.parse(data)
            except json.JsonError:
                return

        return work

    return make


def located(value: Callable[[int], tuple[Any, list[str]]]) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        found, pointers = value(size)
        text = json.encode(found)
        return lambda: json.locate(text, pointers)

    return make


JSON = [
    Growth("json: a list", 20_000, parsing(lambda n: str(list(range(n))))),
    Growth("json: keys", 5000, parsing(lambda n: "{" + ",".join(f'"{i}":"x"' for i in range(n)) + "}")),
    Growth(
        "json: keys and one twice", 5000, parsing(lambda n: '{"0":1,' + ",".join(f'"{i}":"x"' for i in range(n)) + "}")
    ),
    Growth("json: escaped quotes", 20_000, parsing(lambda n: '"' + '\\"' * n + '"')),
    Growth("json: an open quote with escapes", 2000, parsing(lambda n: '"' + '\\"' * n)),
    Growth("json: open quotes", 2000, parsing(lambda n: '["' + '\\\\\\"' * n)),
    Growth("json: open brackets", 20_000, parsing(lambda n: "[" * n)),
    Growth("json: brackets in strings", 20_000, parsing(lambda n: '["' + "[{" * n + '"]')),
    Growth("json: backslashes and no quote", 2000, parsing(lambda n: "[" + "\\" * n)),
    Growth("json: halves of surrogates", 2000, parsing(lambda n: '"' + "\\ud83d\\ude00" * n + "\\ud83d" + '"')),
    Growth("json: backslashes before a half", 2000, parsing(lambda n: '"' + "\\\\" * n + "\\ud83d" + '"')),
    Growth("json: digits", 2000, parsing(lambda n: "1" * n)),
    Growth("json: digits after the point", 5000, parsing(lambda n: "1." + "1" * n)),
    Growth("json: white space and an error", 20_000, parsing(lambda n: "[" + " " * n + "x")),
    Growth("json: NaN and commas", 5000, parsing(lambda n: "[" + "1," * n + "NaN]")),
    Growth("json: minus signs", 5000, parsing(lambda n: "[" + "-" * n)),
    Growth("json: lines", 5000, parsing(lambda n: "[" + "\n" * n + '"a":')),
    Growth("json: pointers in a list", 2000, located(lambda n: (list(range(n)), [f"/{i}" for i in range(n)]))),
    Growth("json: pointers to nothing", 2000, located(lambda n: ({"a": [1]}, [f"/a/b/{i}" for i in range(n)]))),
    Growth("json: long pointers", 500, located(lambda n: ({"a": 1}, ["/a" * n]))),
    Growth("json: pointers with a long key", 1000, located(lambda n: ({"k" * n: [1] * n}, [f"/{'k' * n}/{n - 1}"]))),
]
