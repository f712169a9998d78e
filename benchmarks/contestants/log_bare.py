"""The columns that readers get, as text or tuples; nobody makes events of them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from benchmarks.contestants import race
from benchmarks.contestants.log_annals import fill

COLUMNS = (
    "position, stream, version, event_id, type, schema_version, data::text, actor,"
    " source, correlation_id, causation_id, metadata::text, recorded_at, occurred_at"
)
COPY = f"COPY (SELECT {COLUMNS} FROM events ORDER BY position) TO STDOUT"
PAGE = f"""
SELECT {COLUMNS} FROM events WHERE position > %s ORDER BY position LIMIT %s
"""
SIZE = 500  # of a page, as our subscriptions


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: the whole log."""
    kind, events = mode.split()
    connection = psycopg.connect(conninfo, autocommit=True)

    def copied() -> int:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            read = sum(1 for _row in copy)
        race.expect(read, int(events))
        return read

    def selected() -> int:
        read = after = 0
        cursor = connection.cursor(binary=True)
        while page := cursor.execute(PAGE, [after, SIZE], prepare=True).fetchall():
            read += len(page)
            after = page[-1][0]
        race.expect(read, int(events))
        return read

    return copied if kind == "copy" else selected


if __name__ == "__main__":
    race.run(prepare, fill)
