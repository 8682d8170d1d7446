"""The official Java validator in HAPI's packaging, as a filter: texts in, verdicts out.

https://hapifhir.io/hapi-fhir/docs/validation/instance_validator.html
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from tests.interop.nodes import Json

HERE = Path(__file__).parent / "java"
TARGET = HERE / "target"
HEAP = "-Xmx2g"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Java said of one text: the messages with severity `error` or `fatal`, the rest, and the time it took."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    ms: float


def missing() -> str | None:
    """Which of the programs is not there; None where all are."""
    return next((one for one in ("java", "mvn") if shutil.which(one) is None), None)


def compiled() -> str:
    """The class path, after Maven has fetched and compiled what is not there yet."""
    paths = TARGET / "classpath.txt"
    source = max(one.stat().st_mtime for one in (HERE / "pom.xml", *HERE.glob("src/**/*.java")))
    if not paths.exists() or paths.stat().st_mtime < source:
        print("compiling with Maven", file=sys.stderr)
        build = ["mvn", "-q", "-B", "compile", "dependency:build-classpath", f"-Dmdep.outputFile={paths}"]
        subprocess.run(build, cwd=HERE, check=True)
        paths.touch()
    return f"{TARGET / 'classes'}{os.pathsep}{paths.read_text('utf-8').strip()}"


def judged(texts: Sequence[str], folders: Sequence[Path], name: str, threads: int = 2) -> list[Verdict]:
    """The verdict on each text by the definitions in `folders`; those of an earlier run are not asked for again."""
    classes = compiled()
    kept = TARGET / "verdicts.ndjson"
    base = _digest(classes, folders)
    keys = [hashlib.sha256(f"{base}\0{text}".encode()).hexdigest() for text in texts]
    known = dict(_read(kept))
    waiting = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if waiting:
        with kept.open("a", encoding="utf-8") as out:
            for number, line in enumerate(_run(waiting, classes, folders, threads), 1):
                out.write(line)
                answer = json.loads(line)
                known[answer["id"]] = answer
                if number % 50 == 0 or number == len(waiting):
                    print(f"\r{name}: Java {number} of {len(waiting)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    return [_verdict(known[key]) for key in keys]


def fastest(text: str, folders: Sequence[Path], times: int = 40) -> float:
    """Milliseconds that a warm validator needs for `text`."""
    lines = _run({str(number): text for number in range(times)}, compiled(), folders, 1)
    return min(float(json.loads(line)["ms"]) for line in lines)


def _run(waiting: dict[str, str], classes: str, folders: Sequence[Path], threads: int) -> Iterator[str]:
    command = ["java", HEAP, "-cp", classes, "fi.yhdessa.Verdicts", str(threads), *map(str, folders)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, encoding="utf-8") as process:
        given, answers = process.stdin, process.stdout
        assert given is not None and answers is not None

        def feed() -> None:
            with given:
                for key, text in waiting.items():
                    given.write(json.dumps({"id": key, "text": text, "profiles": []}) + "\n")

        Thread(target=feed, daemon=True).start()
        yield from answers
    if process.returncode:
        raise SystemExit(f"the Java validator ended with {process.returncode}")


def _digest(classes: str, folders: Iterable[Path]) -> str:
    """Of all that a verdict depends on beside the text."""
    found = hashlib.sha256()
    for jar in classes.split(os.pathsep)[1:]:
        found.update(Path(jar).name.encode())
    files = [*HERE.glob("src/**/*.java"), *(file for folder in folders for file in sorted(folder.rglob("*.json")))]
    for file in files:
        found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


def _read(file: Path) -> Iterator[tuple[str, Json]]:
    if file.exists():
        for line in file.read_text("utf-8").splitlines():
            answer = json.loads(line)
            yield answer["id"], answer


def _verdict(answer: Json) -> Verdict:
    errors, warnings = [], []
    for one in answer["issues"]:
        said = f"{one['location']}: {one['message']}"
        if one["severity"] in ("error", "fatal"):
            errors.append(said)
        elif one["severity"] == "warning":
            warnings.append(said)
    return Verdict(tuple(errors), tuple(warnings), float(answer["ms"]))
