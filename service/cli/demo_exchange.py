"""The demo's second half: a case reaches two record systems, each its part; a permission is taken back; the log."""

import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from service.cli.client import Server, free_port, get, post
from service.cli.failures import CouldNotRun
from service.fhir.json import encode, parse
from service.issues import issue

COMMAND = (sys.executable, "-m", "service.cli")
EXAMPLE = "aika-case-large-blended-family"
NEUVOLA, DAYCARE = "2.999.13.10.31", "2.999.13.30.31"
_PATIENCE = 60.0
# Of the print-out, what the demo shows.
_TOLD = ("Given", "Taken back", "What:", "To whom:", "On what grounds:")
_NEUVOLA = """\
name = "neuvola"
organisation = "{organisation}"
sector = "health"
kind = "fhir_transaction"
url = "{url}/fhir"
"""
_DAYCARE = """\
name = "daycare"
organisation = "{organisation}"
sector = "early-education"
kind = "file_drop"
url = "{url}"

[options]
prefix = "vasu_"
municipality = "402"

[[options.answers]]
label = {{ fi = "Mitä päiväkodissa tehdään", sv = "Vad görs på daghemmet" }}
value = '''
%plan.activity.where(extension.where(url.endsWith('/environment')).valueCoding.code = 'everyday-environment')
  .detail.description
'''
"""


@contextmanager
def exchanged(server: Server, data: Path, examples: list[Path], out: Path) -> Iterator[None]:
    """Show the exchange with what `server` has kept; inside, the receivers and the worker go on."""
    case = parse(next(file for file in examples if file.stem == EXAMPLE).read_bytes())
    drop = out / "early-education"
    drop.mkdir(parents=True, exist_ok=True)
    for old in drop.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="yhdessa-neuvola-") as theirs, _record_system(theirs) as neuvola:
        folder = data / "receivers"
        folder.mkdir()
        (folder / "neuvola.toml").write_text(_NEUVOLA.format(organisation=NEUVOLA, url=neuvola.url), "utf-8")
        url = drop.resolve().as_uri()
        (folder / "daycare.toml").write_text(_DAYCARE.format(organisation=DAYCARE, url=url), "utf-8")
        with _worker(data):
            click.echo("\n5. The exchange: `yhdessa deliver` brings the plan to those whom the family has permitted")
            click.echo(f"   neuvola          a record system of its own at {neuvola.url}")
            click.echo(f"   early education  the folder {drop}")
            _given(case, neuvola, drop)
            _taken_back(case, server, drop)
            _told(case, data)
            yield


def _record_system(folder: str) -> Server:
    """The neuvola's: a second instance of this service with a database of its own."""
    port = free_port()
    arguments = ["serve", "--port", str(port), "--data", folder, "--log-level", "warning"]
    return Server([*COMMAND, *arguments], f"http://127.0.0.1:{port}")


@contextmanager
def _worker(data: Path) -> Iterator[None]:
    said = tempfile.TemporaryFile()  # noqa: SIM115
    arguments = ["deliver", "--data", str(data), "--log-level", "error"]
    process = subprocess.Popen([*COMMAND, *arguments], stderr=said)  # noqa: S603
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        said.close()


def _given(case: Any, neuvola: Server, drop: Path) -> None:
    held = _until("the neuvola has the plan", functools.partial(_held, neuvola, case))
    _until("early education has its files", lambda: list(drop.glob("*.metadata.json")))
    plan = case["plans"][0]
    told = {
        "joint picture of the situation": [plan["situation"]],
        "needs": [one["text"] for one in plan["needs"]],
        "measures at home (A)": _measures(plan, "home"),
        "measures (B) for Toivo": _measures(plan, "everyday-environment", "toivo"),
        "measures (B) not for Toivo alone": _measures(plan, "everyday-environment", ""),
        "wellbeing star": [
            answer["text"] for one in plan["assessments"] for answer in one["items"] if "text" in answer
        ],
        "personal identity codes": [one["hetu"] for one in case["family"]["children"] if "hetu" in one],
    }
    theirs = b"".join(one.read_bytes() for one in drop.iterdir() if one.suffix == ".json").decode()
    click.echo(f"   {'what of the case':<32}  neuvola  early education (permitted: B, the child's view; for Toivo)")
    for name, texts in told.items():
        click.echo(f"   {name:<32}  {_share(texts, held):>7}  {_share(texts, theirs):>15}")
    count = len(list(drop.iterdir()))
    click.echo(f"   Early education has {count} files: answers (JSON), the paper (PDF), what they are (metadata).")


def _measures(plan: Any, environment: str, *children: str) -> list[str]:
    """The measures of an environment; with `children`, those for one of them (`""`: for no one child)."""
    own = [one for one in plan["measures"] if one["environment"] == environment]
    return [one["text"] for one in own if not children or set(one.get("children", [""])) & set(children)]


def _share(texts: list[str], held: str) -> str:
    found = sum(encode(one).decode()[1:-1] in held for one in texts)
    return f"{found} of {len(texts)}"


def _held(neuvola: Server, case: Any) -> str:
    """Everything that the neuvola's record holds of the case, as one text; empty where it has no plan yet."""
    name = case["plans"][0]["title"]
    texts = []
    for kind in ("CarePlan", "Goal", "QuestionnaireResponse", "Patient", "CareTeam", "Appointment"):
        texts.append(get(f"{neuvola.url}/fhir/{kind}?_count=100").body.decode())
    return "".join(texts) if name in texts[0] else ""


def _taken_back(case: Any, server: Server, drop: Path) -> None:
    newer = parse(encode(case)) | {"version": case["version"] + 1}
    for one in newer["plans"][0]["recipients"]:
        if one["organisation"] == "paivakoti":
            one["permission"] |= {"status": "revoked", "revoked": "2025-11-20T10:00:00+02:00"}
    answer = post(f"{server.url}/documents", encode(newer))
    if answer.status != 201:
        raise CouldNotRun(issue("cli.could-not-run", reason=f"the new version was answered {answer.status}"))
    withdrawn = _until("early education is told", lambda: sorted(drop.glob("*.withdrawal.json")))
    left = [one for one in drop.iterdir() if not one.name.endswith(".withdrawal.json")]
    click.echo("   The family takes its permission for early education back: a new version of the document says so.")
    click.echo(f"   Early education now has {len(left)} of its files and {len(withdrawn)} withdrawal.")


def _told(case: Any, data: Path) -> None:
    family = case["family"]["id"]
    arguments = ["disclosures", family, "--data", str(data), "--language", "en"]
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise CouldNotRun(issue("cli.could-not-run", reason=done.stderr.strip()))
    click.echo(
        f"\n6. The family may ask who got what: `yhdessa disclosures {family}`; here what concerns early education"
    )
    for block in done.stdout.split("\n\n"):
        if f"({DAYCARE})" in block:
            for line in block.splitlines():
                if line.strip().startswith(_TOLD):
                    click.echo(f"   {line}")


def _until(what: str, look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise CouldNotRun(issue("cli.could-not-run", reason=f"not within {_PATIENCE:g} seconds: {what}"))
        time.sleep(0.05)
    return found
