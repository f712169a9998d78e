"""COPY of whole rows, out of the log and into a table with the same indexes."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from benchmarks.contestants import race


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: all rows of the log, or all that were kept."""
    kind, events = mode.split()
    connection = psycopg.connect(conninfo, autocommit=True)
    cursor = connection.cursor()

    def copied(table: str) -> list[bytes]:
        with cursor.copy(f"COPY {table} TO STDOUT") as copy:
            return [bytes(block) for block in copy]

    def export() -> int:
        race.expect(len(copied("events")), int(events))
        return int(events)

    if kind == "export":
        return export
    text = b"".join(copied("kept_events"))
    cursor.execute("TRUNCATE bare_events")

    def import_() -> int:
        with cursor.copy("COPY bare_events FROM STDIN") as copy:
            copy.write(text)
        race.expect(cursor.rowcount, int(events))
        return int(events)

    return import_


if __name__ == "__main__":
    race.run(prepare, fill=lambda *_: None)
