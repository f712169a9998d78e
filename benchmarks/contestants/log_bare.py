"""COPY of the columns that readers get, as text that nobody decodes."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from benchmarks.contestants import race
from benchmarks.contestants.log_annals import fill

COPY = """
COPY (
    SELECT
        position, stream, version, event_id, type, schema_version, data, actor, source,
        correlation_id, causation_id, metadata, recorded_at, occurred_at
    FROM events
    ORDER BY position
) TO STDOUT
"""


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: the whole log."""
    events = int(mode.split()[1])
    connection = psycopg.connect(conninfo, autocommit=True)

    def whole() -> int:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            race.expect(sum(1 for _row in copy), events)
        return events

    return whole


if __name__ == "__main__":
    race.run(prepare, fill)
