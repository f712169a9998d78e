"""How long the file of a whole log takes, and how much memory its worker.

``python -m benchmarks.exports [--events N]`` appends N events of people, sealed as in
production, has one process make a file of each form, and prints one line a file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import django

from benchmarks.contest import PROJECT
from config.embedded.environment import prepare

WORK = "--work"
HOUR = 3600.0  # seconds


def main() -> None:
    """Fill, export and print; or be the worker."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(WORK, nargs=2, help="conninfo and export: be the worker")
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    prepare()
    django.setup()
    from benchmarks import server  # noqa: PLC0415 - Django must be set up
    from benchmarks.contestants.annals import fill_log  # noqa: PLC0415
    from eventstore import doorbell  # noqa: PLC0415

    doorbell.ring_after_commit = lambda: None  # there is no broker
    with server.running() as running:
        fill_log(options.events)
        running.query("VACUUM (ANALYZE) events")
        print("| file | rows | seconds | CPU s | MB | kept MB | peak RSS MB |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        for form in ("csv", "json", "ndjson"):
            print(report(running.conninfo, form), flush=True)


def report(conninfo: str, form: str) -> str:
    """Return a line about one file of the whole log, persons shown."""
    from eventstore.circumstances import acting  # noqa: PLC0415
    from eventstore.exports import keeping, kinds  # noqa: PLC0415
    from eventstore.exports.models import Export, ExportPiece  # noqa: PLC0415
    from eventstore.searching import EventFilter  # noqa: PLC0415

    wanted = keeping.Wanted(
        kind="events",
        form=form,
        columns=kinds.EVENT_COLUMNS,
        zone="",
        is_plain=True,
        asked=kinds.events_asked(EventFilter()),
        reason="benchmark",
    )
    with acting(actor="staff:bench", source="admin", correlation_id=uuid.uuid4()):
        begun = keeping.start(wanted, account=1)
    worker = [sys.executable, "-m", "benchmarks.exports", WORK, conninfo, str(begun.pk)]
    told = subprocess.run(  # noqa: S603 - ourselves
        worker, cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout.split()
    seconds, cpu, peak = float(told[0]), float(told[1]), int(told[2])
    export = Export.objects.get(pk=begun.pk)
    pieces = ExportPiece.objects.filter(export=export).values_list("body", flat=True)
    kept = sum(len(body) for body in pieces.iterator(chunk_size=10))
    export.delete()
    return (
        f"| {form} | {export.rows:,} | {seconds:.1f} | {cpu:.1f} |"
        f" {export.size_bytes / 1e6:.0f} | {kept / 1e6:.0f} | {peak / 1024:.0f} |"
    )


def work(conninfo: str, export_id: str) -> None:
    """Make the file as a worker does; print what it took.

    That is seconds, seconds of its own CPU, and the peak of its memory in kB.

    Raises:
        SystemExit: It was not made.
    """
    from benchmarks.contestants.annals import set_up  # noqa: PLC0415

    set_up(conninfo)
    from eventstore.exports import keeping  # noqa: PLC0415 - Django must be set up
    from eventstore.exports.models import Export  # noqa: PLC0415
    from projections.exports import KINDS  # noqa: PLC0415

    start, busy = time.perf_counter(), time.process_time()
    keeping.go_on(uuid.UUID(export_id), KINDS, seconds=HOUR)
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    export = Export.objects.get(pk=export_id)
    if export.state != Export.State.DONE:
        raise SystemExit(export.error)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (peak,) = (line.split()[1] for line in status.splitlines() if "VmHWM" in line)
    print(seconds, cpu, peak)


if __name__ == "__main__":
    main()
