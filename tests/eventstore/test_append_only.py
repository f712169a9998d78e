from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from eventstore.models import StoredEvent
from tests.factories import appended

# As superuser: what stops him stops everybody.  test_attacks.py tries all three roles.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("superuser")]

DOORS = [
    "UPDATE events SET data = '{}'",
    "UPDATE events SET position = position + 1 WHERE false",
    "DELETE FROM events",
    "TRUNCATE events",
    "TRUNCATE events CASCADE",
    (
        "MERGE INTO events AS e USING (SELECT 1) AS x ON true"
        " WHEN MATCHED THEN UPDATE SET actor = 'me'"
    ),
    (
        "INSERT INTO events SELECT * FROM events"
        " ON CONFLICT (position) DO UPDATE SET actor = 'me'"
    ),
    "SET LOCAL session_replication_role = replica; DELETE FROM events",
]


@pytest.mark.parametrize("door", DOORS)
def test_no_statement_changes_the_log(door: str) -> None:
    appended("user-1")
    before = list(StoredEvent.objects.values())
    with (
        pytest.raises(DatabaseError, match="events are immutable"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(door)
    assert list(StoredEvent.objects.values()) == before


def test_a_cascade_from_a_stranger_does_not_reach_the_log() -> None:
    appended("user-1")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE parent (id uuid PRIMARY KEY);"
            "INSERT INTO parent SELECT event_id FROM events;"
            "ALTER TABLE events ADD FOREIGN KEY (event_id)"
            " REFERENCES parent ON DELETE CASCADE"
        )
    with (
        pytest.raises(DatabaseError, match="events are immutable"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM parent")
    assert StoredEvent.objects.count() == 1


def test_the_guard_fires_always_and_the_log_points_at_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname::text, tgenabled::text FROM pg_trigger"
            " WHERE tgrelid = 'events'::regclass"
        )
        assert cursor.fetchall() == [("events_are_immutable", "A")]
        cursor.execute(
            "SELECT count(*) FROM pg_constraint"
            " WHERE conrelid = 'events'::regclass AND contype = 'f'"
        )
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT seqcache FROM pg_sequence"
            " WHERE seqrelid = 'events_position_seq'::regclass"
        )
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("version", "0", "events_version_from_1"),
        ("schema_version", "0", "events_schema_version_from_1"),
        ("salt", "'\\x00'", "events_salt_16_bytes"),
        ("leaf", "'\\x00'", "events_leaf_32_bytes"),
        ("event_id", "event_id", "events_event_id_key"),
        ("stream", "stream", "events_stream_version_key"),
    ],
)
def test_the_table_refuses_what_is_no_event(
    column: str, value: str, constraint: str
) -> None:
    appended("user-1")
    row = {
        "stream": "'user-2'",
        "version": "1",
        "event_id": "gen_random_uuid()",
        "schema_version": "1",
        "salt": "salt",
        "leaf": "leaf",
    } | {column: value}
    others = (
        "type, data, actor, source, correlation_id, metadata, recorded_at, occurred_at"
    )
    insert = (
        f"INSERT INTO events ({', '.join(row)}, {others})"
        f" SELECT {', '.join(row.values())}, {others} FROM events"
    )
    with (
        pytest.raises(DatabaseError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(insert)
