"""Where the parts of a batch run: by name, each kind in its own file, loaded when it is chosen."""

from service.export.executors.base import Done, Executor, ExecutorError, Work

NAMES = ("serial", "processes", "dask", "spark")

__all__ = ["NAMES", "Done", "Executor", "ExecutorError", "Work", "executor"]


def executor(name: str, *, workers: int | None = None, address: str | None = None) -> Executor:
    """The executor of that name, with so many workers, or on the cluster at `address`. Raises `ExecutorError`."""
    match name:
        case "serial":
            from service.export.executors.serial import Serial

            return Serial()
        case "processes":
            from service.export.executors.processes import Processes

            return Processes(workers)
        case "dask":
            from service.export.executors.dask import Dask

            return Dask(address, workers)
        case "spark":
            from service.export.executors.spark import Spark

            return Spark(address)
        case _:
            raise KeyError(name)
