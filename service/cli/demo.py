"""`yhdessa demo`: the whole way once, over the command line and over HTTP, with the examples that travel along."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from service import assets
from service.cli.client import Server, free_port, post
from service.cli.demo_exchange import exchanged
from service.cli.failures import CouldNotRun
from service.fhir.json import parse, pretty
from service.issues import issue

COMMAND = (sys.executable, "-m", "service.cli")


@click.command()
@click.option("--keep", is_flag=True, help="Leave the server running until Ctrl-C.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True, help="Folder for files."
)
def command(keep: bool, out: Path) -> None:
    """Show the whole way, from documents to FHIR, and end.

    Converts the example documents on the command line, then posts them to a real server on a free port of this
    machine, shows what came of each, which rule made one element, and what an error looks like.
    """
    examples = sorted((assets.schemas() / "source" / "examples").glob("*.json"))
    _converted(examples, out)
    with _served() as (server, data):
        _posted(server, examples, out)
        _refused(server)
        _explained(examples)
        with exchanged(server, data, examples, out):
            click.echo(f"\nLook at {out}/*.bundle.json (the FHIR), {out}/*.summary.json (what HTTP says),")
            click.echo(f"{out}/*.trace.json (which rule made what), and `yhdessa --help`.")
            if keep:
                click.echo(f"The servers stay, ours at {server.url}, until Ctrl-C.")
                server.wait()


def _converted(examples: list[Path], out: Path) -> None:
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        [*COMMAND, "convert", *map(str, examples), "-o", str(out), "--trace"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CouldNotRun(issue("cli.could-not-run", reason=done.stderr.strip()))
    ms = (time.perf_counter() - started) * 1000
    count = len(examples)
    click.echo(f"1. Command line: `yhdessa convert examples/*.json -o {out}`")
    click.echo(f"   {count} documents became {count} FHIR Bundles in {ms:.1f} ms, start included.\n")


@contextmanager
def _served() -> Iterator[tuple[Server, Path]]:
    port = free_port()
    # Empty each time: what an earlier demo has kept would be the same again, or newer.
    with tempfile.TemporaryDirectory(prefix="yhdessa-demo-") as data, _server(port, data) as server:
        click.echo(
            f"2. HTTP: `yhdessa serve`, ready after {server.seconds * 1000:.1f} ms; `POST {server.url}/documents`"
        )
        yield server, Path(data)


def _server(port: int, data: str) -> Server:
    arguments = ["serve", "--port", str(port), "--data", data, "--log-level", "warning"]
    return Server([*COMMAND, *arguments], f"http://127.0.0.1:{port}")


def _posted(server: Server, examples: list[Path], out: Path) -> None:
    rows = []
    for file in examples:
        answer = post(f"{server.url}/documents", file.read_bytes())
        summary = parse(answer.body)
        (out / f"{file.stem}.summary.json").write_text(pretty(summary) + "\n", "utf-8")
        found = [one for one in summary["outcome"]["issue"] if one["severity"] in ("error", "warning")]
        rows.append((file.stem, str(answer.status), len(summary["resources"]), len(found), answer.ms))
    width = max(len(row[0]) for row in rows)
    click.echo(f"   {'document':<{width}}  status  resources  warnings    ms")
    for name, status, count, warnings, ms in rows:
        click.echo(f"   {name:<{width}}  {status:>6}  {count:>9}  {warnings:>8}  {ms:4.1f}")


def _refused(server: Server) -> None:
    """What a caller is told about a document that is wrong, in Finnish."""
    folder = assets.schemas() / "source" / "examples" / "invalid"
    wrong = next(file for file in sorted(folder.glob("*.json")) if not file.name.endswith(".expect.json"))
    answer = post(f"{server.url}/documents", wrong.read_bytes(), {"Accept-Language": "fi"})
    first = parse(answer.body)["issue"][0]
    click.echo(f"\n3. A wrong document: `invalid/{wrong.name}` is a {answer.status}, in the caller's language:")
    click.echo(f"   {first['details']['text']}\n   at {_pointer(first)}")


def _pointer(found: dict[str, Any]) -> str:
    values = [row["valueString"] for row in found.get("extension", []) if "valueString" in row]
    return str(values[0] if values else "#")


def _explained(examples: list[Path]) -> None:
    plan = next((file for file in examples if "shared-plan" in file.name), examples[0])
    element = "CarePlan.activity[0].detail.description"
    done = subprocess.run(  # noqa: S603
        [*COMMAND, "explain", str(plan), "--element", element], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CouldNotRun(issue("cli.could-not-run", reason=done.stderr.strip()))
    click.echo(f"\n4. `yhdessa explain {plan.name} --element '{element}'`")
    lines = done.stdout.splitlines()
    for line in lines[:6]:
        click.echo(f"   {line}")
    if len(lines) > 6:
        click.echo(f"   … and {len(lines) - 6} more lines")
