"""The limit of an intake: rows as they come, no proof, no seal, no order."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks.contestants import bare, race

TABLE = "CREATE TABLE IF NOT EXISTS bare_raw (LIKE raw_records INCLUDING ALL)"
KEEP = (
    "INSERT INTO bare_raw (record_id, source, kind, dedupe_key, content_hash,"
    " content_type, headers, verified_by, size_bytes, received_at, body)"
    " VALUES (%s, 'crm', 'webhook', %s, %s, 'application/json', '{}', 'standard', %s,"
    " now(), %s) ON CONFLICT (source, dedupe_key) DO NOTHING"
)
READ = "SELECT id, body FROM bare_raw WHERE id > %s ORDER BY id LIMIT 1"
A_SECOND = 5_000  # records that nobody maps faster
SETTLE = "UPDATE bare_raw SET kind = 'mapped' WHERE id = %s"


def row() -> tuple[object, ...]:
    """Return one record that was received."""
    body = json.dumps({"id": str(uuid.uuid4()), "name": "Ada Lovelace"})
    return (uuid.uuid4(), str(uuid.uuid4()), b"0" * 32, len(body), body)


def fill(conninfo: str, _mode: str) -> None:
    """Make the table, once for all who write."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(TABLE)


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit."""
    what, _, count = mode.partition(" ")
    connection = psycopg.connect(conninfo, autocommit=True)
    if what == "receive":
        return lambda: _received(connection)
    # More than are mapped in a turn.
    records = int(count) + int(float(sys.argv[4]) * A_SECOND)
    with connection.cursor() as cursor:
        cursor.executemany(KEEP, [row() for _ in range(records)])
    first = connection.execute("SELECT max(id) FROM bare_raw").fetchone()
    last = (first[0] if first else 0) - records
    if what == "map":
        return _mapping(connection, last)
    return lambda: _read_again(connection, last, records)


def _received(connection: psycopg.Connection[Any]) -> int:
    connection.execute(KEEP, row(), prepare=True)
    return 1


def _mapping(connection: psycopg.Connection[Any], last: int) -> Callable[[], int]:
    place = [last]

    def one() -> int:
        with connection.transaction():
            (found,) = connection.execute(READ, place, prepare=True).fetchall()
            identity, body = found
            person = json.loads(body)
            stream = f"user-{uuid.uuid4()}:{person['id']}"
            connection.execute(bare.INSERT, bare.row(stream, 1), prepare=True)
            connection.execute(SETTLE, [identity], prepare=True)
        place[0] = identity
        return 1

    return one


def _read_again(connection: psycopg.Connection[Any], last: int, count: int) -> int:
    again = "SELECT body FROM bare_raw WHERE id > %s ORDER BY id"
    read = [json.loads(body) for (body,) in connection.execute(again, [last])]
    race.expect(len(read), count)
    connection.execute("UPDATE bare_raw SET kind = 'again' WHERE id > %s", [last])
    return count


if __name__ == "__main__":
    race.run(prepare, fill)
