"""The limit: the directory in one statement, from payloads in plain JSON."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import psycopg

from benchmarks.contestants import log_annals, race

TABLES = """
CREATE TABLE bare_directory (
    LIKE projections_directoryentry INCLUDING ALL
);
CREATE TABLE bare_log (
    position bigint PRIMARY KEY,
    user_id uuid,
    version bigint,
    source text,
    recorded_at timestamptz,
    data jsonb
)
"""
STATEMENT = """
INSERT INTO bare_directory (
    user_id, name, email, status, source, created_at, updated_at, version, position
)
SELECT DISTINCT ON (user_id)
    user_id,
    coalesce(data ->> 'new_name', data ->> 'name'),
    first_value(data ->> 'email') OVER life,
    'active',
    first_value(source) OVER life,
    first_value(recorded_at) OVER life,
    recorded_at,
    version,
    position
FROM bare_log
WINDOW life AS (PARTITION BY user_id ORDER BY version)
ORDER BY user_id, version DESC
"""


def fill(conninfo: str, mode: str) -> None:
    """Make the log, and a copy with nothing but what the statement needs."""
    log_annals.fill(conninfo, mode)
    from eventstore import checkpoints, store  # noqa: PLC0415 - Django must be set up
    from eventstore.codec import fields  # noqa: PLC0415

    read = store.read_all(
        after=0,
        until=store.watermark(),
        buckets=range(checkpoints.BUCKETS),
        limit=int(mode.split()[1]),
    )
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(TABLES)
        with connection.cursor().copy("COPY bare_log FROM STDIN") as copy:
            for _bucket, event in read:
                data = orjson.dumps(fields(event)).decode()
                circumstances = (event.source, event.recorded_at, data)
                place = (event.position, event.subject, event.version)
                copy.write_row((*place, *circumstances))


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit: the whole log, from nothing."""
    events = int(mode.split()[1])
    connection = psycopg.connect(conninfo, autocommit=True)

    def whole() -> int:
        connection.execute("TRUNCATE bare_directory")
        connection.execute(STATEMENT)
        return events

    return whole


if __name__ == "__main__":
    race.run(prepare, fill)
