"""The rows of one stream, as tuples; nobody folds them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from benchmarks.contestants import race
from benchmarks.contestants.stream_annals import fill, stream_of

COLUMNS = (
    "position, stream, version, event_id, type, schema_version, data::text, actor,"
    " source, correlation_id, causation_id, metadata::text, recorded_at, occurred_at"
)
SELECT = f"SELECT {COLUMNS} FROM events WHERE stream = %s ORDER BY version"


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: one stream."""
    length = int(mode.split()[1])
    connection = psycopg.connect(conninfo, autocommit=True)

    def one() -> int:
        rows = connection.execute(SELECT, [stream_of(length)], prepare=True).fetchall()
        race.expect((len(rows), rows[-1][2]), (length, length))
        return 1

    return one


if __name__ == "__main__":
    race.run(prepare, fill)
