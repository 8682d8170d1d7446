"""HL7's reference transform engine (org.hl7.fhir.core, which the official validator and Matchbox run), as a filter.

https://github.com/hapifhir/org.hl7.fhir.core
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from service.fhir.json import parse

HERE = Path(__file__).parent / "fml"
TARGET = HERE / "target"
HEAP = "-Xmx1500m"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the engine is given beside R4: maps as text, and R4 conformance resources as JSON text."""

    maps: tuple[str, ...]
    resources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One transform: the map with the url `map` of the set `loaded` on `source`, and what we make of it.

    `ours` is the target, or None with the reason in `refused`.
    """

    id: str
    loaded: str
    map: str
    source: str
    ours: Any
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The target that the engine made, or its error."""

    target: Any = None
    error: str = field(default="")


def missing() -> str | None:
    """Which of the programs is not there; None where all are."""
    return next((one for one in ("java", "mvn") if shutil.which(one) is None), None)


def answers(sets: Mapping[str, Loaded], cases: Iterable[Case]) -> dict[str, Answer]:
    """What the engine makes of each case, by id."""
    found = {}
    for line in _run(list(_requests(sets, cases))):
        answer = json.loads(line)
        if "error" in answer:
            found[answer["id"]] = Answer(error=answer["error"])
        else:
            found[answer["id"]] = Answer(target=parse(answer["target"]))
        print(f"\rreference engine: {len(found)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def _requests(sets: Mapping[str, Loaded], cases: Iterable[Case]) -> Iterator[str]:
    for name, loaded in sets.items():
        yield json.dumps({"set": name, "maps": loaded.maps, "resources": loaded.resources})
    for case in cases:
        yield json.dumps({"id": case.id, "set": case.loaded, "map": case.map, "source": case.source})


def _compiled() -> str:
    """The class path, after Maven has fetched and compiled what is not there yet."""
    paths = TARGET / "classpath.txt"
    source = max(one.stat().st_mtime for one in (HERE / "pom.xml", *HERE.glob("src/**/*.java")))
    if not paths.exists() or paths.stat().st_mtime < source:
        print("compiling with Maven", file=sys.stderr)
        build = ["mvn", "-q", "-B", "compile", "dependency:build-classpath", f"-Dmdep.outputFile={paths}"]
        subprocess.run(build, cwd=HERE, check=True)
        paths.touch()
    return f"{TARGET / 'classes'}{os.pathsep}{paths.read_text('utf-8').strip()}"


def _run(requests: list[str]) -> Iterator[str]:
    command = ["java", HEAP, "-cp", _compiled(), "fi.yhdessa.Transforms"]
    pipe = subprocess.PIPE
    # The engine prints the stack traces of what it catches itself.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, encoding="utf-8") as process:
        given, answered = process.stdin, process.stdout
        assert given is not None and answered is not None

        def feed() -> None:
            with given:
                for request in requests:
                    given.write(request + "\n")

        Thread(target=feed, daemon=True).start()
        yield from answered
    if process.returncode:
        raise SystemExit(f"the reference engine ended with {process.returncode}")
