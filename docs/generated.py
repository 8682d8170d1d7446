"""The parts of the documentation that come from code; `make docs` writes them, a test asserts they are current."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from service.api.errors import AREAS, CONTENT, STATUS
from service.cli import COMMANDS, main
from service.config import PREFIX, SETTINGS, TEST_KEY

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "service" / "texts"
START, END = "<!-- demo -->\n```\n", "```\n<!-- end -->"
# A flag that is named otherwise than its setting.
_NAMES = {"lang": "language"}
# Flags that are called otherwise than their setting because their command has only one of the kind.
_OWN = {"deliver": {"workers": "delivery_workers", "lease": "delivery_lease", "metrics_port": "delivery_metrics"}}


def settings() -> str:
    """A table of every setting: variable, flags, default, meaning."""
    flags = _flags()
    rows = ["| variable | flag | default | what it is |", "|---|---|---|---|"]
    for name, field in SETTINGS.items():
        shown = ", ".join(f"`{flag}`" for flag in flags.get(name, [])) or "–"
        default = "a public test key" if name == "id_key" else _default(field.default)
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {default} | {field.description} |")
    assert TEST_KEY not in "".join(rows)
    return "\n".join(rows)


def commands() -> str:
    """The help of every command, as `--help` prints it."""
    parts = []
    for path, command in _commands():
        context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
        parts.append(f"## `{path}`\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def errors() -> str:
    """A table of every kind of issue, one for each area."""
    parts = []
    for file in sorted(TEXTS.glob("*.toml")):
        parts.append(f"## {file.stem}\n\n| key | severity | FHIR issue type | HTTP | text |\n|---|---|---|---|---|")
        for name, row in tomllib.loads(file.read_text("utf-8")).items():
            key = f"{file.stem}.{name}"
            severity = row.get("severity", "error")
            text = re.sub(r"([|<>])", r"\\\1", row["en"])
            parts.append(f"| `{key}` | {severity} | {row['code']} | {_status(key, severity)} | {text} |")
        parts.append("")
    return "\n".join(parts)


def demo() -> str:
    """What `yhdessa demo` prints, without colours."""
    done = subprocess.run(
        [sys.executable, "-c", "from service.cli import main; main()", "demo"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def steady(text: str) -> str:
    """The demo's output without what differs from run to run: times, dates, hashes, the port."""
    text = re.sub(r"\d{1,2}\.\d{1,2}\.\d{4} \d\d\.\d\d|\d{4}-\d\d-\d\d", "DATE", text)
    text = re.sub(r"[0-9a-f]{20,}", "HASH", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", re.sub(r" *\d+\.\d+(?= *(ms|$))", " #", text, flags=re.M))


def shown(readme: str) -> str:
    """The demo's output as the README shows it."""
    return readme.partition(START)[2].partition(END)[0]


def _status(key: str, severity: str) -> str:
    area = key.partition(".")[0]
    if area == "cli" or severity in ("warning", "information"):
        return "–"
    return str(STATUS.get(key) or AREAS.get(area, CONTENT))


def _default(value: object) -> str:
    if value is None or value == ():
        return "–"
    return f"`{value}`"


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        yield f"yhdessa {name}", command
        if isinstance(command, click.Group):
            for inner, one in command.commands.items():
                yield f"yhdessa {name} {inner}", one


def _flags() -> dict[str, list[str]]:
    """For every setting the commands' flags that set it."""
    found: dict[str, list[str]] = {}
    for path, command in _commands():
        for param in command.params:
            if not isinstance(param, click.Option):
                continue
            flag = param.opts[0].removeprefix("--").replace("-", "_")
            name = _OWN.get(path.removeprefix("yhdessa "), _NAMES).get(flag, _NAMES.get(flag, flag))
            if name in SETTINGS:
                found.setdefault(name, []).append(f"{path.removeprefix('yhdessa ')} {param.opts[0]}")
    return found


if __name__ == "__main__":
    file = ROOT / "README.md"
    text = file.read_text("utf-8")
    file.write_text(text.replace(shown(text), demo()), "utf-8")
