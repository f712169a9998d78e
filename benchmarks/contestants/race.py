"""What every contestant shares: start writers together, stop them together, count.

Plain Python without imports of ours: peers run it in an environment of their own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable

WARM_UP = 20  # units a writer does before the clock starts, at most
WARM_UP_SECONDS = 0.2  # after which the unit at hand is its last

# Called once in each writer's process; returns the work of one unit, which says how
# many things it did.
Prepare = Callable[[str, str], Callable[[], int]]
Fill = Callable[[str, str], object]


class WrongAnswerError(Exception):
    """A contestant was quick, and wrong."""


def expect(found: object, wanted: object) -> None:
    """Go on only if *found* is *wanted*.

    Raises:
        WrongAnswerError: It is not.
    """
    if found != wanted:
        message = f"{found!r} instead of {wanted!r}"
        raise WrongAnswerError(message)


def run(prepare: Prepare, fill: Fill | None = None) -> None:
    """Race with the arguments of the command line and print the result.

    Without writers: make, outside of every race, what all races of the mode need.
    A line says that the clock started, the next what was done.  Without seconds: one
    unit, and no warming up.
    """
    conninfo, mode, writers, seconds = sys.argv[1:5]
    if writers == "0":
        (fill or prepare)(conninfo, mode)
        return
    os.environ["TABLES_EXIST"] = "1"
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(int(writers) + 1)
    results = context.SimpleQueue()
    processes = [
        context.Process(
            target=_write,
            args=(prepare, conninfo, mode, float(seconds), barrier, results),
        )
        for _ in range(int(writers))
    ]
    for process in processes:
        process.start()
    barrier.wait()
    print("{}", flush=True)
    counted = [results.get() for _ in processes]
    for process in processes:
        process.join()
    if None in counted:
        sys.exit(1)
    units, cpu_seconds, rate = (sum(column) for column in zip(*counted, strict=True))
    print(json.dumps({"units": units, "cpu_seconds": cpu_seconds, "rate": rate}))


def _write(
    prepare: Prepare,
    conninfo: str,
    mode: str,
    seconds: float,
    barrier: object,
    results: object,
) -> None:
    try:
        work = prepare(conninfo, mode)
        if seconds:
            _warm_up(work)
    except BaseException:
        barrier.abort()  # type: ignore[attr-defined]  # nobody waits for us
        raise
    barrier.wait()  # type: ignore[attr-defined]
    counted = None
    try:
        counted = _work(work, seconds)
    finally:
        results.put(counted)  # type: ignore[attr-defined]


def _warm_up(work: Callable[[], int]) -> None:
    end = time.monotonic() + WARM_UP_SECONDS
    for _ in range(WARM_UP):
        work()
        if time.monotonic() > end:
            return


def _work(work: Callable[[], int], seconds: float) -> tuple[int, float, float]:
    before = _cpu()
    units = 0
    start = time.monotonic()
    while True:
        units += work()
        elapsed = time.monotonic() - start
        if elapsed >= seconds:
            return units, _cpu() - before, units / elapsed


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
