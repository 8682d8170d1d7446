"""The tables of `docs/receivers.md`: every key of a receiver's file, from the code that reads it (`make docs`)."""

from collections.abc import Iterator, Mapping

from service.deliver.settings import AUTH, KINDS, LIMITS, RETRIES, TOP, options_of
from service.drops import KINDS as DROPS
from service.drops import options_of as drop_options
from service.strict_toml import Key


def top() -> str:
    """The keys outside every table."""
    return "\n".join(_table({name: key for name, key in TOP.items() if key.keys is None}))


def auth() -> str:
    """The table `[auth]`: what every way has, and what is particular to each."""
    common = AUTH["none"]
    parts = ['`kind = "none"` (the default), and every other way:\n\n' + "\n".join(_table(common))]
    for way, keys in AUTH.items():
        own = {name: key for name, key in keys.items() if common.get(name) != key}
        if own:
            parts.append(f'`kind = "{way}"`:\n\n' + "\n".join(_table(own)))
    return "\n\n".join(parts)


def options() -> str:
    """The table `[options]` of each kind of receiver, and the tables in it."""
    parts = []
    for kind in KINDS:
        keys = options_of(kind)
        parts.append(f"### `{kind}`\n\n" + "\n".join(_table(keys)))
        parts += [
            f"Each `[[options.{name}]]`:\n\n" + "\n".join(_table(key.keys)) for name, key in keys.items() if key.keys
        ]
    return "\n\n".join(parts)


def drops() -> str:
    """The table `[options.drop]`, by where the address leads."""
    return "\n\n".join(f"`{scheme}://`:\n\n" + "\n".join(_table(drop_options(scheme))) for scheme in DROPS)


def times() -> str:
    """The tables `[limits]` and `[retries]`."""
    return "\n\n".join(
        f"`[{name}]`:\n\n" + "\n".join(_table(keys)) for name, keys in (("limits", LIMITS), ("retries", RETRIES))
    )


def _table(keys: Mapping[str, Key]) -> Iterator[str]:
    yield "| key | holds | default | what it is |"
    yield "|---|---|---|---|"
    for name, key in keys.items():
        holds = " or ".join(f"`{one}`" for one in key.choices) or _HOLDS[key.kind]
        default = "needed" if key.required else f"`{key.default}`" if key.default else "–"
        yield f"| `{name}` | {holds} | {default} | {key.text} |"


_HOLDS = {
    "text": "text",
    "number": "number",
    "whole": "whole number",
    "flag": "`true` or `false`",
    "file": "path, from the file's own folder",
    "texts": "text, or a list of texts",
    "words": "text in each language: `{ fi = …, sv = …, en = … }`",
    "table": "table",
    "tables": "list of tables",
}
