"""``export_events`` and ``import_events``: every check, leaf and place."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import psycopg

from benchmarks.contestants import race
from benchmarks.contestants.annals import fill_log, set_up

EMPTY = """
ALTER TABLE events DISABLE TRIGGER events_are_immutable;
TRUNCATE events;
ALTER TABLE events ENABLE ALWAYS TRIGGER events_are_immutable
"""


def fill(conninfo: str, mode: str) -> None:
    """Make the log, and keep it as rows and as lines."""
    set_up(conninfo)
    from eventstore.archive.exporting import export_events  # noqa: PLC0415

    fill_log(int(mode.split()[1]))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('kept_events')").fetchone() != (
            None,
        ):
            return
        file = io.BytesIO()
        export_events(file)
        connection.execute("CREATE TABLE kept_events AS TABLE events")
        connection.execute(
            "CREATE TABLE kept_lines AS SELECT %s AS lines", [file.getvalue()]
        )


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: all of the log, or all of the file."""
    kind, events = mode.split()
    set_up(conninfo)
    from eventstore.archive.exporting import export_events  # noqa: PLC0415
    from eventstore.archive.importing import import_events  # noqa: PLC0415

    def export() -> int:
        with Path(os.devnull).open("wb") as file:
            written = export_events(file)
        race.expect(written, int(events))
        return written

    if kind == "export":
        return export
    file = io.BytesIO(_emptied(conninfo))

    def import_() -> int:
        done = import_events(file)
        race.expect((done.stored, done.skipped), (int(events), 0))
        return done.stored

    return import_


def _emptied(conninfo: str) -> bytes:
    """Empty the log, which only a superuser can, and return what it held as lines."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(EMPTY)
        (lines,) = connection.execute("SELECT lines FROM kept_lines").fetchone() or (
            b"",
        )
        return bytes(lines)


if __name__ == "__main__":
    race.run(prepare, fill)
