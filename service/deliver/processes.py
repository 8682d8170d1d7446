"""Several worker processes under one: a worker that dies is started again, a signal ends all of them in time."""

import multiprocessing
import signal
import time
from collections.abc import Callable
from types import FrameType

import structlog

log = structlog.get_logger("deliver")

# All must have ended five seconds after the signal.
PATIENCE = 4.6
_AGAIN = 1.0
Work = Callable[[], int]


def supervise(works: list[Work], *, once: bool) -> int:
    """Run each of `works` in a process of its own; gives the worst of their exit codes.

    Nothing that a fork would break (threads, connections) may exist yet. With `once` nobody is started again.
    """
    context = multiprocessing.get_context("fork")
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    running = [_started(context, one) for one in works]
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worst = 0
    while not stopping and any(one.is_alive() for one in running):
        time.sleep(0.1)
        for number, one in enumerate(running):
            if one.is_alive() or stopping or (once and one.exitcode == 0):
                continue
            if once:
                worst = max(worst, abs(one.exitcode or 0))
                continue
            log.error("worker died, started again", code=one.exitcode)
            time.sleep(_AGAIN)
            running[number] = _started(context, works[number])
    _end(running)
    return max([worst, *(abs(one.exitcode or 0) for one in running if once)])


def _started(context: multiprocessing.context.ForkContext, work: Work) -> multiprocessing.context.ForkProcess:
    process = context.Process(target=_run, args=(work,))
    process.start()
    return process


def _run(work: Work) -> None:
    raise SystemExit(work())


def _end(running: list[multiprocessing.context.ForkProcess]) -> None:
    deadline = time.monotonic() + PATIENCE
    for one in running:
        if one.is_alive():
            one.terminate()
    for one in running:
        one.join(max(0.0, deadline - time.monotonic()))
        if one.is_alive():
            one.kill()
            one.join()
