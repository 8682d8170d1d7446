"""Changes to texts and to JSON that get past a reader's first check more often than changed bytes do."""

import copy
import json
from collections.abc import Sequence
from random import Random
from typing import Any

ODD = (
    *(None, True, False, 0, -1, 1.5, 10**30, 1e300, 1e-300, "", " ", "\x00", "a" * 5000, "é\u202e\U0001f600", "#", "/"),
    *("Patient/1", "#a", "urn:uuid:x", "urn:oid:1", "http://", "http://[", "2020-02-30", "0000-01-01", "9999-12-31"),
    *("2026-03-29T03:30:00", "2026-03-29T03:30:00+02:00", "2026-02-28T24:00:00Z", "T10:00", "(a+)+$", "$this", "1..*"),
    *("<div", "<div xmlns='http://www.w3.org/1999/xhtml'>&x;</div>", "{}", "[]", "%resource", "010199-9999"),
    *([], {}, [None], [[]], [{}], {"": None}, {"extension": []}, {"reference": "#"}, {"resourceType": "Bundle"}),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value but the top."""
    rows = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [one for key, inner in rows for one in ((*path, key), *places(inner, (*path, key)))]


def at(node: Any, path: Sequence[Any]) -> Any:
    """What stands at `path`."""
    for step in path:
        node = node[step]
    return node


def json_mutant(data: bytes, rng: Random) -> bytes:
    """JSON with one to four places changed; what is no JSON is changed as text."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return text_mutant(data, rng, ("{", "}", "[", "]", ",", ":", '"', "\\", "null", "1e9", "\\ud800", "NaN"))
    for _ in range(rng.randint(1, 4)):
        found = places(value)
        if not found:
            value = copy.deepcopy(rng.choice(ODD))
            continue
        value = _changed(value, found, rng)
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")


def _changed(value: Any, found: list[tuple[Any, ...]], rng: Random) -> Any:
    *path, last = rng.choice(found)
    holder = at(value, path)
    other = copy.deepcopy(at(value, rng.choice(found)))
    match rng.randrange(9):
        case 0:
            del holder[last]
        case 1:
            holder[last] = copy.deepcopy(rng.choice(ODD))
        case 2:
            holder[last] = other
        case 3:
            holder[last] = [holder[last]]
        case 4:
            inner = holder[last]
            holder[last] = inner[0] if isinstance(inner, list) and inner else {"value": inner}
        case 5 if isinstance(holder, list):
            holder.insert(last, copy.deepcopy(holder[last]))
        case 6 if isinstance(holder, dict):
            keys = [path[-1] for path in found if isinstance(path[-1], str)]
            holder[rng.choice(keys)] = copy.deepcopy(holder[last]) if rng.random() < 0.5 else other
        case 7 if isinstance(holder, dict):
            holder[f"_{last}".replace("__", "")] = other if rng.random() < 0.5 else {"extension": [{"url": "http://x"}]}
        case 8:
            for _ in range(rng.randint(2, 40)):
                holder[last] = {last: holder[last]} if isinstance(last, str) else [holder[last]]
        case _:
            if isinstance(holder[last], str):
                holder[last] = text_mutant(holder[last].encode("utf-8", "replace"), rng, ()).decode("utf-8", "replace")
    return value


def text_mutant(data: bytes, rng: Random, words: Sequence[str]) -> bytes:
    """Text with pieces cut, doubled, moved, or replaced by one of `words`."""
    text = data.decode("utf-8", "replace")
    for _ in range(rng.randint(1, 5)):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice((0, 0, 1, 2, 5, 20, 100)))
        piece = text[start:end]
        match rng.randrange(5):
            case 0:
                piece = ""
            case 1:
                piece = piece * rng.choice((2, 2, 3, 50))
            case 2 if text:
                other = rng.randrange(len(text))
                piece = text[other : other + rng.randint(1, 30)]
            case 3:
                piece = chr(rng.choice((0, 9, 10, 34, 39, 92, 96, 0x2028, 0xE4, 0x1F600, rng.randrange(32, 127))))
            case _ if words:
                piece = " ".join(rng.choice(words) for _ in range(rng.randint(1, 3)))
        text = (text[:start] + piece + text[end:])[:20_000]
    return text.encode("utf-8", "replace")
