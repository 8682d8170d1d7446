"""TOML tables read strictly: what is unknown, missing or of the wrong kind is an issue with its file and line.

https://toml.io/en/v1.0.0
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from service.issues import LANGUAGES, Issue, issue

Kind = Literal["text", "number", "whole", "flag", "file", "texts", "words", "table", "tables"]
_EXPECTED: Mapping[str, str] = {
    "text": "a text in quotes",
    "number": "a number above 0",
    "whole": "a whole number above 0",
    "flag": "`true` or `false`",
    "file": "the path of a file",
    "texts": "a text or a list of texts",
    "words": 'a text in each language: `{ fi = "…", sv = "…", en = "…" }`',
    "table": "a table",
    "tables": "a list of tables",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: what it holds, what it is (for the documentation), and what it may be.

    `default` is shown only. `choices` of a text; `pattern` it must match, `expected` says that in words. `keys` are
    those of a table or of each table in a list; None is a table with any keys, each a text.
    """

    kind: Kind
    text: str
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    expected: str = ""
    keys: "Mapping[str, Key] | None" = None


@dataclass
class Reader:
    """Reads the tables of one file; `issues` collects what is wrong. `folder` is where relative paths start."""

    file: Path
    source: str
    issues: list[Issue] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.file.parent

    def table(self, given: Mapping[str, Any], keys: Mapping[str, Key], path: tuple[str, ...] = ()) -> dict[str, Any]:
        """What of `given` is right, paths made absolute; all else becomes an issue."""
        made: dict[str, Any] = {}
        for name, value in given.items():
            key = keys.get(name)
            if key is None:
                self._unknown(keys, (*path, name))
            elif (read := self._value(value, key, (*path, name))) is not None:
                made[name] = read
        for name, key in keys.items():
            if key.required and name not in given:
                self.wrong("toml.missing", (*path, name), what=key.text)
        return made

    def wrong(self, kind: str, path: tuple[str, ...], **params: str) -> None:
        """Note an issue about the key at `path`; the line of the nearest thing that is there goes with it."""
        shown: dict[str, Any] = {"name": ".".join(path), **params}
        found = issue(kind, where=f"{self.file}:{line_of(self.source, path)}", **shown)
        self.issues.append(found)

    def _unknown(self, keys: Mapping[str, Key], path: tuple[str, ...]) -> None:
        name = path[-1]
        if f"{name}_env" in keys or f"{name}_file" in keys:
            instead = next(one for one in (f"{name}_env", f"{name}_file") if one in keys)
            self.wrong("toml.secret", path, instead=instead)
        else:
            self.wrong("toml.unknown", path, known=", ".join(keys) or "–")

    def _value(self, value: Any, key: Key, path: tuple[str, ...]) -> Any:
        if key.kind == "table" and isinstance(value, dict):
            return self.table(value, key.keys if key.keys is not None else _free(value), path)
        if key.kind == "tables" and isinstance(value, list) and all(isinstance(one, dict) for one in value):
            return [self.table(one, key.keys or {}, (*path, str(at))) for at, one in enumerate(value)]
        read = _plain(value, key.kind)
        if read is None:
            self.wrong("toml.value", path, expected=key.expected or _EXPECTED[key.kind])
        elif key.choices and read not in key.choices:
            self.wrong("toml.value", path, expected="one of " + ", ".join(f"`{one}`" for one in key.choices))
            read = None
        elif key.pattern and not all(re.fullmatch(key.pattern, one) for one in _each(read)):
            self.wrong("toml.value", path, expected=key.expected)
            read = None
        return str(self.folder.absolute() / read) if key.kind == "file" and read is not None else read


def read_toml(file: Path, keys: Callable[[Mapping[str, Any]], Mapping[str, Key]]) -> tuple[dict[str, Any], Reader]:
    """The table in `file` as far as it is right, and the reader, whose `issues` say what is not.

    `keys` tells which keys there may be, from what the file says (a kind, for example) before it is checked.
    """
    reader = Reader(file, "")
    try:
        reader.source = file.read_text("utf-8")
        given = tomllib.loads(reader.source)
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "") if isinstance(error, OSError) else "it is no UTF-8 text"
        reader.issues.append(issue("toml.unreadable", where=str(file), reason=reason))
        return {}, reader
    except tomllib.TOMLDecodeError as error:
        # The message ends with "(at line 3, column 5)".
        place = re.search(r"line (\d+)", str(error))
        where = f"{file}:{place[1]}" if place else str(file)
        reader.issues.append(issue("toml.syntax", where=where, reason=str(error).partition(" (at")[0]))
        return {}, reader
    return reader.table(given, keys(given)), reader


def line_of(source: str, path: tuple[str, ...]) -> int:
    """The line (from 1) of the key at `path`, or of the table nearest to it; steps into lists are numbers."""
    inside: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    best, length = 1, 0
    for number, line in enumerate(source.splitlines(), 1):
        if header := re.match(r"\s*\[(\[?)\s*([^\]]+?)\s*\]", line):
            inside = tuple(part.strip().strip("\"'") for part in header[2].split("."))
            if header[1]:
                counts[inside] = counts.get(inside, -1) + 1
                inside = (*inside, str(counts[inside]))
            here = inside
        elif name := re.match(r"\s*([A-Za-z0-9_\-.\"']+)\s*=", line):
            here = (*inside, *(part.strip("\"'") for part in name[1].split(".")))
        else:
            continue
        if len(here) > length and path[: len(here)] == here:
            best, length = number, len(here)
    return best


def _plain(value: Any, kind: Kind) -> Any:
    """`value`, if it is of the kind; None if it is not."""
    if kind in ("text", "file"):
        return value if isinstance(value, str) and value.strip() else None
    if kind == "flag":
        return value if isinstance(value, bool) else None
    if kind in ("number", "whole"):
        good = isinstance(value, int if kind == "whole" else int | float) and not isinstance(value, bool)
        return value if good and 0 < value < 1e9 else None
    if kind == "texts":
        rows = [value] if isinstance(value, str) else value
        return rows if isinstance(rows, list) and rows and all(isinstance(one, str) and one for one in rows) else None
    good = isinstance(value, dict) and bool(value) and set(value) <= set(LANGUAGES)
    return value if kind == "words" and good and all(isinstance(one, str) for one in value.values()) else None


def _each(read: Any) -> list[str]:
    return read if isinstance(read, list) else [str(read)]


def _free(given: Mapping[str, Any]) -> Mapping[str, Key]:
    return {name: Key("text", "") for name in given}
