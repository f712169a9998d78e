"""The limit: psycopg and a prepared statement, no order, no checks, no leaf."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import psycopg

from benchmarks.contestants import race

COLUMNS = (
    "stream, version, event_id, type, schema_version, data, actor, source,"
    " correlation_id, causation_id, metadata, recorded_at, occurred_at, salt, leaf"
)
INSERT = (
    f"INSERT INTO bare_events ({COLUMNS}) VALUES (%s, %s, %s, %s, 1, %s, %s, %s, %s,"
    " NULL, %s, now(), now(), %s, %s)"
)
DATA = '{"name": "Ada Lovelace", "email": "ada@example.com"}'
BATCH = 100


def row(stream: str, version: int) -> tuple[object, ...]:
    """Return one row of the payload that every contestant stores."""
    return (
        stream,
        version,
        uuid.uuid4(),
        "UserCreated",
        DATA,
        "client:bench",
        "rest",
        uuid.uuid4(),
        "{}",
        b"0" * 16,
        b"0" * 32,
    )


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit."""
    connection = psycopg.connect(conninfo, autocommit=True)

    def one() -> int:
        connection.execute(INSERT, row(f"user-{uuid.uuid4()}", 1), prepare=True)
        return 1

    def batch() -> int:
        stream = f"user-{uuid.uuid4()}"
        copy_columns = COLUMNS.replace("causation_id, ", "")
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY bare_events ({copy_columns}) FROM STDIN") as copy,
        ):
            for version in range(1, BATCH + 1):
                values = row(stream, version)
                instant = "2026-11-24T12:00:00Z"
                copy.write_row(
                    (*values[:4], 1, *values[4:9], instant, instant, *values[9:])
                )
        return BATCH

    return batch if mode == "batch" else one


if __name__ == "__main__":
    race.run(prepare)
