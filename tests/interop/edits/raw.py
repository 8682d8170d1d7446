"""Edits of the JSON text itself: what a reader of dicts never sees."""

import random
import re
from collections.abc import Callable

Edit = Callable[[random.Random, str], str | None]


def raw(rng: random.Random, text: str) -> tuple[str, str] | None:
    """The text with one thing wrong, and what it is."""
    name = rng.choice(sorted(EDITS))
    made = EDITS[name](rng, text)
    return (made, name) if made is not None and made != text else None


def _twice(rng: random.Random, text: str) -> str | None:
    found = [one for one in re.finditer(r'"[a-zA-Z]+":("[^"\\]*"|true)', text) if text[one.end()] in ",}"]
    if not found:
        return None
    one = rng.choice(found)
    return f"{text[: one.end()]},{one.group()}{text[one.end() :]}"


def _at(mark: str, new: str) -> Edit:
    def edit(rng: random.Random, text: str) -> str | None:
        found = [one.start() for one in re.finditer(re.escape(mark), text)]
        if not found:
            return None
        at = rng.choice(found)
        return text[:at] + new + text[at + len(mark) :]

    return edit


EDITS: dict[str, Edit] = {
    "member twice": _twice,
    "comma before }": _at("}", ",}"),
    "comma before ]": _at("]", ",]"),
    "no colon": _at(":", " "),
    "comment": _at(",", ",/* a */"),
    "cut": lambda rng, text: text[: rng.randrange(1, len(text))],
    "two values": lambda rng, text: text + "{}",
    "array around": lambda rng, text: f"[{text}]",
    "single quotes": lambda rng, text: text.replace('"', "'", 2),
    "no quotes": lambda rng, text: text.replace('"resourceType"', "resourceType"),
    "not a number": _at("true", "NaN"),
    "capital true": _at("true", "True"),
    "tab in string": _at('":"', '":"\t'),
    "bad escape": _at('":"', '":"\\x'),
    "nothing": lambda rng, text: "",
    "text": lambda rng, text: '"teksti"',
    "spaces": lambda rng, text: "\n\n " + text.replace('","', '" ,\n "') + "\n",
    "escaped": lambda rng, text: text.replace("resourceType", "resource\\u0054ype"),
}
