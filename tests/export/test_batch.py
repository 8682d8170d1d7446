"""The batch: what is read, what is written, what a restart does, and everything that goes wrong on the way."""

import gzip
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.clock import now
from service.export import batch, lock, sources
from service.export.executors import Done
from service.export.executors import Work as AnyWork
from service.export.executors.serial import Serial
from service.export.plan import Partition
from service.export.targets import TargetError, open_target
from service.fhir import json

from .batch_kit import convert, documents, made, run, tree


def _report(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.parse((out / "report.json").read_bytes())
    return found


def _keys(out: Path) -> list[tuple[str, int, str]]:
    return [(Path(one["file"]).name, one["line"], one["key"]) for one in _report(out)["rejects"]]


def test_documents_in_input_order_in_parts(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    documents(tmp_path / "in" / "b.ndjson", 4, 5, 6)
    documents(tmp_path / "in" / "a.jsonl", 1, 2)
    (tmp_path / "in" / "a.json").write_bytes(b'{\n "n": 0\n}')
    (tmp_path / "in" / "ab.json").write_bytes(b'\n{"n": 3}\n')
    (tmp_path / "in" / "readme.txt").write_bytes(b"no document")
    done = run(tmp_path / "out", tmp_path / "in")
    assert done.manifest is not None
    assert (done.manifest.documents, done.manifest.converted, done.manifest.rejected) == (7, 7, 0)
    assert made(tmp_path / "out") == [0, 1, 2, 3, 4, 5, 6]
    files = [one.name for one in done.manifest.files]
    assert files == [f"bundles/part-{number:06d}.ndjson" for number in range(5)] + ["report.json", "report.txt"]
    assert sorted(tree(tmp_path / "out")) == sorted([*files, "manifest.json"])


def test_json_with_a_document_a_line_is_read_as_ndjson(tmp_path: Path) -> None:
    run(tmp_path / "out", documents(tmp_path / "many.json", 1, 2, 3))
    assert made(tmp_path / "out") == [1, 2, 3]


def test_globs_and_a_file_that_is_named_twice(tmp_path: Path) -> None:
    first = documents(tmp_path / "x1.ndjson", 1)
    documents(tmp_path / "x2.ndjson", 2)
    documents(tmp_path / "y.ndjson", 3)
    run(tmp_path / "out", first, str(tmp_path / "x*.ndjson"))
    assert made(tmp_path / "out") == [1, 2]


@pytest.mark.parametrize("lines", [1, 3, 100])
def test_packed_files_go_on_where_the_part_before_has_ended(tmp_path: Path, lines: int) -> None:
    text = b"".join(b'{"n": %d}\n' % one for one in range(10))
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(text))
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b'{"n":\n10}'))
    run(tmp_path / "out", tmp_path / "a.ndjson.gz", tmp_path / "b.json.gz", lines=lines)
    assert made(tmp_path / "out") == list(range(11))


def test_what_fails_is_set_aside_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b'{"n": 1}\n\nno json\n{"n": -2}\r\n{"fault": 1}\n\xff\n{"n": 3}')
    done = run(tmp_path / "out", file, lines=100)
    assert done.manifest is not None
    assert (done.manifest.converted, done.manifest.rejected) == (2, 4)
    assert made(tmp_path / "out") == [1, 3]
    assert _keys(tmp_path / "out") == [
        ("a.ndjson", 3, "json.syntax"),
        ("a.ndjson", 4, "intake.missing"),
        ("a.ndjson", 5, "batch.fault"),
        ("a.ndjson", 6, "json.encoding"),
    ]
    rows = [json.parse(line) for line in (tmp_path / "out/rejects/part-000000.ndjson").read_bytes().splitlines()]
    assert [next(key for key in ("document", "text", "base64") if key in row) for row in rows] == [
        "text",
        "document",
        "document",
        "base64",
    ]
    assert rows[1]["document"] == {"n": -2}
    assert all(row["outcome"]["resourceType"] == "OperationOutcome" for row in rows)
    text = (tmp_path / "out" / "report.txt").read_text("utf-8")
    assert f"{file}:3: " in text
    assert "`KeyError`" in text


class _Meddling(Serial):
    """Does something to the input before the second part."""

    def __init__(self, meddle: Any) -> None:
        self._meddle = meddle

    def run(self, work: AnyWork, parts: Any) -> Iterator[Done]:
        for part in parts:
            if part.number == 1:
                self._meddle()
            yield work(part)


def test_a_file_that_vanishes_midway(tmp_path: Path) -> None:
    first, second = documents(tmp_path / "a.ndjson", 1, 2, 3, 4), documents(tmp_path / "b.ndjson", 5)
    done = run(tmp_path / "out", first, second, executor=lambda: _Meddling(first.unlink))
    assert done.manifest is not None
    assert made(tmp_path / "out") == [1, 2, 5]
    assert _keys(tmp_path / "out") == [("a.ndjson", 3, "batch.vanished")]


def test_a_file_that_is_cut_off_midway(tmp_path: Path) -> None:
    file = documents(tmp_path / "a.ndjson", 1, 2, 3, 4)
    run(tmp_path / "out", file, executor=lambda: _Meddling(lambda: documents(file, 1, 2, 3)))
    assert made(tmp_path / "out") == [1, 2, 3]
    assert _keys(tmp_path / "out") == [("a.ndjson", 4, "batch.changed")]


def test_a_whole_document_that_is_still_being_written(tmp_path: Path) -> None:
    first, second = documents(tmp_path / "a.ndjson", 1, 2), tmp_path / "b.json"
    second.write_bytes(b'{\n"n": 3}')
    run(tmp_path / "out", first, second, executor=lambda: _Meddling(lambda: second.write_bytes(b'{\n"n": 3}  ')))
    assert _keys(tmp_path / "out") == [("b.json", 1, "batch.changed")]


def test_a_packed_file_that_is_broken(tmp_path: Path) -> None:
    text = b"".join(b'{"n": %d}\n' % one for one in range(50_000))
    packed = gzip.compress(text)
    (tmp_path / "a.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "b.ndjson.gz").write_bytes(b"not packed at all")
    documents(tmp_path / "c.ndjson", -1, 7)
    done = run(tmp_path / "out", tmp_path / "a.ndjson.gz", tmp_path / "b.ndjson.gz", tmp_path / "c.ndjson", lines=500)
    assert done.manifest is not None
    numbers = made(tmp_path / "out")
    assert numbers[-1] == 7
    assert numbers[:-1] == list(range(len(numbers) - 1))
    assert len(numbers) > 1000
    assert [key for _, _, key in _keys(tmp_path / "out")] == ["batch.unreadable", "batch.unreadable", "intake.missing"]


def test_a_line_that_is_too_long_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    file = tmp_path / "a.ndjson"
    file.write_bytes(b'{"n": 1}\n{"n": "' + b"x" * 5000 + b'"}\n{"n": 2}\n')
    run(tmp_path / "out", file, lines=100)
    assert made(tmp_path / "out") == [1, 2]
    assert _keys(tmp_path / "out") == [("a.ndjson", 2, "batch.too-long")]


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, key in (("nowhere", "cannot-read"), ("empty", "no-input"), ("*.ndjson", "no-input")):
        with pytest.raises(TargetError) as caught:
            run(tmp_path / "out", tmp_path / name)
        assert caught.value.issue.key == f"batch.{key}"
    documents(tmp_path / "a.ndjson", 1)
    assert run(tmp_path / "out", tmp_path / "a.ndjson").manifest is not None


def test_a_run_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    file = documents(tmp_path / "a.ndjson", 1, 2, 3)
    run(tmp_path / "out", file)
    before = tree(tmp_path / "out")

    def never() -> Serial:
        raise AssertionError("nothing is left to do")

    assert run(tmp_path / "out", file, executor=never).was_done
    assert tree(tmp_path / "out") == before


def test_another_run_is_not_mixed_in(tmp_path: Path) -> None:
    file, other = documents(tmp_path / "a.ndjson", 1, 2, 3), documents(tmp_path / "b.ndjson", 4)
    run(tmp_path / "out", file)
    for wanted in ((other, 2), (file, 1)):
        with pytest.raises(TargetError) as caught:
            run(tmp_path / "out", wanted[0], lines=wanted[1])
        assert caught.value.issue.key == "batch.other-run"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(TargetError) as caught:
        run(tmp_path / "full", file)
    assert caught.value.issue.key == "batch.not-a-run"


class _Stopping(Serial):
    """Is stopped after so many parts."""

    def __init__(self, parts: int) -> None:
        self._parts = parts

    def run(self, work: AnyWork, parts: Any) -> Iterator[Done]:
        for number, part in enumerate(parts):
            if number == self._parts:
                raise KeyboardInterrupt
            yield work(part)


@pytest.mark.parametrize("after", range(4))
def test_a_restart_does_only_what_is_missing_and_gives_the_same(tmp_path: Path, after: int) -> None:
    file = documents(tmp_path / "a.ndjson", 1, -2, 3, 4, 5, 6, 7)
    run(tmp_path / "whole", file)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", file, executor=lambda: _Stopping(after))
    (tmp_path / "out" / ".half.12.part").touch()
    seen: list[int] = []

    class Noted(Serial):
        def run(self, work: AnyWork, parts: Any) -> Iterator[Done]:
            for part in parts:
                seen.append(part.number)
                yield work(part)

    run(tmp_path / "out", file, executor=Noted)
    assert seen == list(range(after, 4))
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_full_disk_stops_the_run_and_leaves_no_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = documents(tmp_path / "a.ndjson", *range(20))
    run(tmp_path / "whole", file)
    real, room = os.fsync, iter(range(4))

    def fsync(descriptor: int) -> None:
        if next(room, None) is None:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr("service.export.targets.os.fsync", fsync)
    done = run(tmp_path / "out", file)
    assert done.manifest is None
    assert [one.key for one in done.failures] == ["batch.cannot-write"]
    assert "No space left" in done.failures[0].text()
    assert not list((tmp_path / "out").rglob(".*.part"))
    monkeypatch.undo()
    assert run(tmp_path / "out", file).manifest is not None
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def _hold(folder: str, ready: Any, end: Any) -> None:
    with lock.held(open_target(folder), now()):
        ready.set()
        end.wait(60)


def test_two_runs_at_once_are_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    file = documents(tmp_path / "a.ndjson", 1)
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(tmp_path / "out"), ready, end))
    other.start()
    assert ready.wait(60)
    with pytest.raises(TargetError) as caught:
        run(tmp_path / "out", file)
    assert caught.value.issue.key == "batch.in-use"
    other.kill()
    other.join()
    assert run(tmp_path / "out", file).manifest is not None


def test_out_inside_the_input_is_not_read(tmp_path: Path) -> None:
    documents(tmp_path / "a.ndjson", 1)
    out = tmp_path / "out"
    run(out, tmp_path)
    assert made(out) == [1]
    assert run(out, tmp_path).was_done


_MEMORY = """
import sys
from bench._figures import peak
from tests.export.batch_kit import run
run(sys.argv[1], sys.argv[2], lines=500)
print(peak())
"""


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    sizes = []
    for count in (2_000, 40_000):
        file = tmp_path / f"{count}.ndjson"
        with file.open("wb") as stream:
            stream.writelines(b'{"n": %d, "text": "%s"}\n' % (one, b"x" * 400) for one in range(count))
        command = [sys.executable, "-c", _MEMORY, str(tmp_path / f"out-{count}"), str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        sizes.append(float(done.stdout))
    assert sizes[1] < 1.2 * sizes[0]


def test_a_part_is_the_same_bytes_wherever_it_runs(tmp_path: Path) -> None:
    documents(tmp_path / "a.ndjson", 1, -2)
    size = (tmp_path / "a.ndjson").stat().st_size
    piece = sources.Piece(str(tmp_path / "a.ndjson"), size, 0, size, 1, 2)
    for name in ("one", "two"):
        done = batch.complete(Partition(7, [piece]), open_target(str(tmp_path / name)), convert, "fi")
        assert (done.documents, done.converted, done.failure) == (2, 1, None)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert len(tree(tmp_path / "one")) == 3


def test_a_place_out_of_reach_leaves_only_its_part_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = documents(tmp_path / "a.ndjson", 1, 2), documents(tmp_path / "b.ndjson", 3, 4)
    run(tmp_path / "whole", first, second)
    real, tries = sources._plain, []

    def plain(piece: sources.Piece) -> Any:
        if piece.url == str(first):
            tries.append(piece)
            raise ConnectionResetError("gone")
        return real(piece)

    monkeypatch.setattr(sources, "_plain", plain)
    monkeypatch.setattr(sources, "_PATIENCE", (0.0, 0.0))
    done = run(tmp_path / "out", first, second)
    assert done.manifest is None
    assert [one.key for one in done.failures] == ["batch.unreachable"]
    assert len(tries) == 3
    assert made(tmp_path / "out") == [3, 4]
    assert "a.ndjson" in (tmp_path / "out" / "report.txt").read_text("utf-8")
    monkeypatch.undo()
    assert run(tmp_path / "out", first, second).manifest is not None
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_the_bar_tells_rate_and_rejects(capsys: pytest.CaptureFixture[str]) -> None:
    from service.cli.batch_progress import Bar
    from service.export.plan import Totals

    with Bar() as bar:
        bar.begin(Totals(3, 1500), 500)
        bar.part(Done(1, 500, 498))
        bar.part(Done(2, 500, 500))
    shown = capsys.readouterr().err
    assert "1,500/1,500" in shown
    assert "2 ✗" in shown
    assert "/s" in shown


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_report_in_each_language(tmp_path: Path, language: str) -> None:
    from service.export.report import Report

    file = documents(tmp_path / "a.ndjson", 1, *([-1] * 300))
    run(tmp_path / "out", file, lines=100)
    found = _report(tmp_path / "out")
    made_ = Report(failures=["x"], documents=1, converted=1)
    assert "x" in made_.text(language)
    assert len(found["rejects"]) == found["rejected"] == 300
    text = (tmp_path / "out" / "report.txt").read_text("utf-8")
    assert text.count("[intake.missing]") == 200
    assert "rejects/" in text
