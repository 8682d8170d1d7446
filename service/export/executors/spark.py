"""Parts as tasks of a Spark cluster, for a region whose data lake runs it; its workers have this program installed.

https://spark.apache.org/docs/latest/api/python/reference/api/pyspark.RDD.html
"""

import importlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from service.export.executors.base import Done, ExecutorError, Work, lost
from service.export.plan import Partition
from service.issues import issue

_AHEAD = 8
"""Parts in one job for each core: a job ends with its slowest part, so short jobs would leave cores idle."""


class Spark:
    """The cluster at a `master` (`spark://…`, `yarn`, `local[2]`); without one, all cores of this machine."""

    def __init__(self, master: str | None = None) -> None:
        self.master = master
        try:
            self._sql: Any = importlib.import_module("pyspark.sql")
            self._errors: Any = importlib.import_module("pyspark.errors")
            self._java_error: Any = importlib.import_module("py4j.protocol").Py4JJavaError
        except ImportError as error:
            raise _no_spark(error) from None

    def run(self, work: Work, parts: Iterable[Partition]) -> Iterator[Done]:
        session = self._session()
        try:
            context = session.sparkContext
            waiting = iter(parts)
            while some := list(itertools.islice(waiting, _AHEAD * context.defaultParallelism)):
                yield from self._job(context, work, some)
        finally:
            session.stop()

    def _session(self) -> Any:
        # On this machine the workers run what we run; a cluster's own choice of Python stays.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        quiet = {"spark.ui.enabled": "false", "spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}
        builder = self._sql.SparkSession.builder.appName("yhdessa batch").config(map=quiet)
        try:
            return (builder.master(self.master) if self.master else builder).getOrCreate()
        except (self._errors.PySparkException, OSError, RuntimeError) as error:
            raise _no_spark(error) from None

    def _job(self, context: Any, work: Work, some: list[Partition]) -> list[Done]:
        """One job; where Spark gives it up, each of its parts alone, so that only the one at fault is lost."""
        try:
            done: list[Done] = context.parallelize(some, len(some)).map(work).collect()
            return done
        except (self._java_error, self._errors.PySparkException) as error:
            if len(some) > 1:
                return [done for one in some for done in self._job(context, work, [one])]
            told = [one for one in str(error).splitlines() if one.strip()] or [type(error).__name__]
            return [lost(some[0], told[-1][:200], 1)]


def _no_spark(error: Exception) -> ExecutorError:
    told = str(error).partition("\n")[0] or type(error).__name__
    return ExecutorError(issue("batch.no-executor", name="spark", reason=told, extra="spark", also=", Java 17"))
