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

WARM_UP = 20  # units a writer does before the clock starts

# Called once in each writer's process; returns the work of one unit, which says how
# many things it did.
Prepare = Callable[[str, str], Callable[[], int]]


def run(prepare: Prepare) -> None:
    """Race with the arguments of the command line and print the result."""
    conninfo, mode, writers, seconds = sys.argv[1:5]
    once = multiprocessing.get_context("fork").Process(
        target=prepare, args=(conninfo, mode)
    )
    once.start()  # makes the contestant's tables, before many try to
    once.join()
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
    counted = [results.get() for _ in processes]
    for process in processes:
        process.join()
    units = sum(units for units, _cpu in counted)
    cpu_seconds = sum(cpu for _units, cpu in counted)
    print(json.dumps({"units": units, "cpu_seconds": cpu_seconds}))


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
        for _ in range(WARM_UP):
            work()
    except Exception:
        barrier.abort()  # type: ignore[attr-defined]  # nobody waits for us
        raise
    barrier.wait()  # type: ignore[attr-defined]
    before = _cpu()
    units = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        units += work()
    results.put((units, _cpu() - before))  # type: ignore[attr-defined]


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
