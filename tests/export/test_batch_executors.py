"""Every executor gives what the serial one gives, byte for byte, and outlives its workers."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.export.executors import ExecutorError, executor

from .batch_kit import Work, documents, run, tree

NUMBERS = (1, -2, 3, 4, 5, 6, 7, 8, 9)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return documents(tmp_path / "a.ndjson", *NUMBERS)


@pytest.fixture
def whole(tmp_path: Path, source: Path) -> dict[str, bytes]:
    """What the serial executor gives."""
    run(tmp_path / "whole", source)
    return tree(tmp_path / "whole")


@pytest.mark.parametrize("count", [1, 2, 20])
def test_processes_give_the_same(tmp_path: Path, source: Path, whole: dict[str, bytes], count: int) -> None:
    done = run(tmp_path / "out", source, executor=lambda: executor("processes", workers=count))
    assert done.manifest is not None
    assert tree(tmp_path / "out") == whole


def test_a_process_that_dies_is_replaced(tmp_path: Path, source: Path, whole: dict[str, bytes]) -> None:
    work = Work(str(tmp_path / "out"), deadly=(0, 3), once=str(tmp_path / "died"))
    run(tmp_path / "out", source, executor=lambda: executor("processes", workers=2), work=work)
    assert (tmp_path / "died").exists()
    assert tree(tmp_path / "out") == whole


def test_a_part_that_kills_every_process_is_told_and_the_rest_is_done(
    tmp_path: Path, source: Path, whole: dict[str, bytes]
) -> None:
    work = Work(str(tmp_path / "out"), deadly=(1,))
    done = run(tmp_path / "out", source, executor=lambda: executor("processes", workers=2), work=work)
    assert done.manifest is None
    assert [one.key for one in done.failures] == ["batch.worker-lost"]
    assert "part-000001" in done.failures[0].text()
    assert "signal 9" in done.failures[0].text()
    there = tree(tmp_path / "out")
    assert {f"state/part-{number:06d}.json" for number in (0, 2, 3, 4)} < there.keys()
    assert b'"complete": false' in there["report.json"]
    run(tmp_path / "out", source, executor=lambda: executor("processes", workers=2))
    assert tree(tmp_path / "out") == whole


@pytest.fixture
def cluster() -> Iterator[str]:
    """A scheduler and two workers, each its own process, as on a cluster."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, scheduler_port=0
    ) as found:
        yield found.scheduler_address


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_dask_outlives_a_killed_worker(tmp_path: Path, source: Path, whole: dict[str, bytes], cluster: str) -> None:
    work = Work(str(tmp_path / "out"), deadly=(0, 1, 2, 3, 4), once=str(tmp_path / "died"))
    done = run(tmp_path / "out", source, executor=lambda: executor("dask", address=cluster), work=work)
    assert (tmp_path / "died").exists()
    assert done.failures == []
    assert tree(tmp_path / "out") == whole


def test_a_scheduler_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("service.export.executors.dask._CONNECT", 0.2)
    found = executor("dask", address="tcp://127.0.0.1:9")
    with pytest.raises(ExecutorError) as caught:
        list(found.run(Work(""), iter(())))
    assert caught.value.issue.key == "batch.no-scheduler"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_spark_gives_the_same(
    tmp_path: Path, source: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed (the extra `spark`)")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not on this machine")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    run(tmp_path / "out", source, executor=lambda: executor("spark", address="local[2]"))
    assert tree(tmp_path / "out") == whole


@pytest.mark.parametrize(("name", "module"), [("dask", "distributed"), ("spark", "pyspark.sql")])
def test_an_executor_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, name: str, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ExecutorError) as caught:
        executor(name)
    assert caught.value.issue.key == "batch.no-executor"


_ORPHANS = """
import os, sys, time
from pathlib import Path
from service.export.executors import executor
from tests.export.batch_kit import Work, run

class Slow(Work):
    def __call__(self, part):
        Path(sys.argv[3], str(os.getpid())).touch()
        time.sleep(600)

run(sys.argv[1], sys.argv[2], executor=lambda: executor("processes", workers=2), work=Slow(sys.argv[1]))
"""


def test_workers_end_with_the_process_that_started_them(tmp_path: Path, source: Path) -> None:
    (tmp_path / "pids").mkdir()
    command = [sys.executable, "-c", _ORPHANS, str(tmp_path / "out"), str(source), str(tmp_path / "pids")]
    with subprocess.Popen(command) as parent:
        while len(list((tmp_path / "pids").iterdir())) < 2:
            assert parent.poll() is None
        parent.send_signal(signal.SIGKILL)
    # They hold the lock until they end: that it can be had says that they have ended.
    from service.clock import now
    from service.export import lock
    from service.export.targets import open_target

    with lock.held(open_target(str(tmp_path / "out")), now(), patience=60):
        for pid in (tmp_path / "pids").iterdir():
            assert not _at_work(int(pid.name))


def _at_work(pid: int) -> bool:
    """Whether the process is there and no zombie that only waits to be counted."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False
