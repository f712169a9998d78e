"""``python -m benchmarks.salesforce``: runs over a Salesforce of our own, timed.

The org is a process of its own and shares the machine with the worker and PostgreSQL.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection

import django

CHANGED = 2_000  # people of an incremental run
Row = tuple[str, str, str]


def main() -> None:
    """Measure N1 to N5 and N17 at the size that is asked for, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=100_000)
    people = parser.parse_args().people
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from config.garbage import leave_the_code_out  # noqa: PLC0415 - Django is set up

    leave_the_code_out()  # as workers do
    ours, theirs = multiprocessing.Pipe()
    org = multiprocessing.Process(target=_serve, args=(theirs, people), daemon=True)
    org.start()
    rows = _measured(ours, people)
    org.terminate()
    print(f"| what | measured, {people:,} people | demanded |\n|---|--:|--:|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _serve(pipe: Connection, people: int) -> None:
    from tests.salesforce.server import salesforce  # noqa: PLC0415 - a process apart

    with salesforce() as org:
        old = org.org.now() - timedelta(days=1)  # past what each run reads again
        org.org.fill(people, SystemModstamp=old, LastModifiedDate=old)
        org.org.api_limit = 100_000_000
        pipe.send(org.url)
        while (wanted := pipe.recv()) != "end":
            for identity in list(org.org.tables["Contact"])[: int(wanted)]:
                org.org.update(identity, LastName=f"Changed {time.monotonic_ns()}")
            pipe.send("changed")


def _measured(pipe: Connection, people: int) -> list[Row]:
    from django.conf import settings  # noqa: PLC0415 - Django must be set up

    from tests import databases  # noqa: PLC0415
    from tests.salesforce.here import SET  # noqa: PLC0415

    url = pipe.recv()
    settings.SALESFORCE |= SET | {"LOGIN_URL": url, "READ_TIMEOUT": 60.0}
    # Nobody consumes what is recorded here.
    settings.SALESFORCE |= {"REQUEST_DEADLINE": 900.0, "MOST_BEHIND": 1_000_000_000}
    with databases.cloned():
        return _rows(pipe, people)


def _rows(pipe: Connection, people: int) -> list[Row]:
    from tests.salesforce.here import run  # noqa: PLC0415
    from users.sources.salesforce.run_state import Mode  # noqa: PLC0415

    small = _resident()
    seconds, calls = _timed(lambda: run(Mode.FULL))
    rows = [
        ("N1 full, all new, records/s", f"{people / seconds:,.0f}", "3,000"),
        ("N5 requests of it", f"{calls:,}", "300 a million"),
    ]
    before = _written()
    seconds, _ = _timed(lambda: run(Mode.RECONCILE))
    rows += [
        ("N2 reconcile, records/s", f"{people / seconds:,.0f}", "15,000"),
        ("N2 its events and raw records", f"{_written() - before:,}", "0"),
    ]
    for changed in (CHANGED, 0):
        time.sleep(2)  # a stamp of this very second is left to the next run
        pipe.send(str(changed))
        pipe.recv()
        time.sleep(2)
        seconds, calls = _timed(lambda: run(Mode.INCREMENTAL))
        demanded = ("10 s", "10") if changed else ("3 s", "5")
        rows += [
            (f"N3 incremental, {changed:,} changed", f"{seconds:.1f} s", demanded[0]),
            ("N3 its requests", f"{calls:,}", demanded[1]),
        ]
    seconds, _ = _timed(lambda: run(Mode.RECONCILE, dry_run=True))
    rows.append(("dry reconcile, records/s", f"{people / seconds:,.0f}", ""))
    pipe.send("end")
    rows.append(("N4 peak memory", f"{_resident():,.0f} MiB", "200 MiB"))
    rows.append(("N4 of it before any run", f"{small:,.0f} MiB", ""))
    return rows


def _timed(work: Callable[[], object]) -> tuple[float, int]:
    begun = time.monotonic()
    done = work()
    seconds = time.monotonic() - begun
    state, why = done.state, done.why  # type: ignore[attr-defined]
    assert str(state) == "succeeded", why  # noqa: S101
    return seconds, done.calls  # type: ignore[attr-defined]


def _written() -> int:
    from eventstore.intake.models import RawRecord  # noqa: PLC0415
    from eventstore.models import StoredEvent  # noqa: PLC0415

    users = StoredEvent.objects.filter(stream__startswith="user-")
    return users.count() + RawRecord.objects.count()


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
