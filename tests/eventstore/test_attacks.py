"""Every door to the log, tried as application, owner and superuser.

The table says what is expected of each; the data is compared after each attempt.  What
gets through is seen afterwards: by the guard, or by a leaf that no longer fits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from eventstore import guard, roles
from tests import databases
from tests.factories import appended, renamed

pytestmark = pytest.mark.usefixtures("durable_server")

REFUSED, HARMLESS, CHANGED = "refused", "harmless", "CHANGED"
PREPARE = (
    "CREATE TABLE parent (id uuid PRIMARY KEY); INSERT INTO parent SELECT event_id"
    " FROM events; ALTER TABLE parent OWNER TO annals_owner; GRANT ALL ON parent TO"
    " annals_app; ALTER TABLE events ADD CONSTRAINT stray FOREIGN KEY (event_id)"
    " REFERENCES parent ON DELETE CASCADE"
)
FORGED = (
    "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object('position',"
    " 900000, 'version', 99, 'event_id', gen_random_uuid(), 'recorded_at',"
    " '2001-01-01T00:00Z'))).* FROM events AS e LIMIT 1"
)
NO_TRIGGER = "ALTER TABLE events DISABLE TRIGGER events_are_immutable"
EDIT = """UPDATE events SET data = '{"name": "Eve"}'"""
BLIND = (
    "CREATE OR REPLACE FUNCTION refuse_event_change_v1() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
)
SHADOW = (
    "CREATE TEMPORARY TABLE events (LIKE public.events); "
    "CREATE TEMPORARY SEQUENCE events_position_seq; "
    "SELECT public.append_events_v3('{user-9}', '{-2}', false, '{1}',"
    " ARRAY[gen_random_uuid()], '{T}', '{1}', ARRAY['{}'::jsonb],"
    " ARRAY[sha256('')], ARRAY['0123456789abcdef'::bytea], '{a}', '{s}',"
    " ARRAY[gen_random_uuid()], ARRAY[null::uuid], ARRAY['{}'::jsonb],"
    " ARRAY[sha256('')], ARRAY[null::timestamptz], '{}', '{}', NULL, NULL, '{}')"
)
SHADOW_ONE = (
    "CREATE TEMPORARY TABLE events (LIKE public.events); "
    "CREATE TEMPORARY SEQUENCE events_position_seq; "
    "SELECT public.append_event_v3('user-9', -2, false, gen_random_uuid(), 'T', 1,"
    " '{}', sha256(''), '0123456789abcdef', 'a', 's', gen_random_uuid(), NULL, '{}',"
    " sha256(''), NULL, NULL, NULL, NULL, NULL, NULL)"
)

# attack: statements, then the outcome for application, owner and superuser.
SAME_FOR_ALL = (REFUSED, REFUSED, REFUSED)
OWNERS_DOOR = (REFUSED, CHANGED, CHANGED)
ATTACKS = {
    "update": ("UPDATE events SET data = '{}'", *SAME_FOR_ALL),
    "delete": ("DELETE FROM events", *SAME_FOR_ALL),
    "merge": (
        (
            "MERGE INTO events AS e USING (SELECT 1) AS x ON true"
            " WHEN MATCHED THEN UPDATE SET actor = 'me'"
        ),
        *SAME_FOR_ALL,
    ),
    "upsert": (
        (
            "INSERT INTO events SELECT * FROM events"
            " ON CONFLICT (position) DO UPDATE SET actor = 'me'"
        ),
        *SAME_FOR_ALL,
    ),
    "through a view": (
        "CREATE TEMPORARY VIEW door AS SELECT * FROM events; DELETE FROM door",
        *SAME_FOR_ALL,
    ),
    "truncate": ("TRUNCATE events", *SAME_FOR_ALL),
    "truncate parent": ("TRUNCATE parent CASCADE", *SAME_FOR_ALL),
    "cascade": ("DELETE FROM parent", *SAME_FOR_ALL),
    "disable trigger": (f"{NO_TRIGGER}; {EDIT}", *OWNERS_DOOR),
    "disable all": (
        f"ALTER TABLE events DISABLE TRIGGER ALL; {EDIT}",
        REFUSED,
        REFUSED,  # the foreign key's own triggers are the superuser's
        CHANGED,
    ),
    "edit pg_trigger": (
        (
            "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname ~ 'immutable';"
            f" ALTER TABLE events SET (fillfactor = 100); {EDIT}"
        ),
        REFUSED,
        REFUSED,
        CHANGED,
    ),
    "blind the trigger": (f"{BLIND}; {EDIT}", *OWNERS_DOOR),
    "drop trigger": (
        f"DROP TRIGGER events_are_immutable ON events; {EDIT}",
        *OWNERS_DOOR,
    ),
    "drop table": ("DROP TABLE events", *OWNERS_DOOR),
    "drop column": ("ALTER TABLE events DROP COLUMN data", *OWNERS_DOOR),
    "rewrite by type": (
        """ALTER TABLE events ALTER data TYPE jsonb USING '{"name": "Eve"}'""",
        *OWNERS_DOOR,
    ),
    "forge": (FORGED, *OWNERS_DOOR),
    "copy": (
        "COPY events FROM PROGRAM 'true'",
        REFUSED,
        REFUSED,
        HARMLESS,
    ),
    "setval": ("SELECT setval('events_position_seq', 5000)", *OWNERS_DOOR),
    "nextval": ("SELECT nextval('events_position_seq')", *OWNERS_DOOR),
    "rule": (
        "CREATE RULE deaf AS ON INSERT TO events DO INSTEAD NOTHING",
        REFUSED,
        HARMLESS,
        HARMLESS,
    ),
    "inherit": (
        "CREATE TABLE fake () INHERITS (events); INSERT INTO fake SELECT * FROM events",
        *OWNERS_DOOR,
    ),
    "replica": (
        "SET LOCAL session_replication_role = replica; DELETE FROM events",
        *SAME_FOR_ALL,
    ),
    "lock rows": ("SELECT * FROM events FOR UPDATE", REFUSED, HARMLESS, HARMLESS),
    "lock table": ("LOCK TABLE events IN SHARE MODE", REFUSED, HARMLESS, HARMLESS),
    "replace append": (
        (
            "CREATE OR REPLACE FUNCTION event_bucket_v1(_stream text) RETURNS smallint"
            " LANGUAGE sql IMMUTABLE AS 'SELECT 1::smallint'"
        ),
        REFUSED,
        HARMLESS,
        HARMLESS,
    ),
    "become the owner": ("SET LOCAL ROLE annals_owner", REFUSED, HARMLESS, HARMLESS),
    "become the migrator": (
        "SET LOCAL ROLE annals_migrate",
        REFUSED,
        REFUSED,
        HARMLESS,
    ),
    "grant to oneself": (
        "GRANT ALL ON events TO annals_app",
        HARMLESS,  # a warning: no privileges were granted
        HARMLESS,
        HARMLESS,
    ),
    "create beside": ("CREATE TABLE public.x (n int)", REFUSED, HARMLESS, HARMLESS),
    "event trigger": (
        (
            "CREATE FUNCTION pg_temp.f() RETURNS event_trigger LANGUAGE plpgsql AS"
            " 'BEGIN END'; CREATE EVENT TRIGGER t ON ddl_command_start"
            " EXECUTE FUNCTION pg_temp.f()"
        ),
        REFUSED,
        REFUSED,
        HARMLESS,
    ),
    # The function appends to the real log, whoever's temporary table is in the way.
    "shadow the append": (SHADOW, CHANGED, CHANGED, CHANGED),
    "shadow the append of one": (SHADOW_ONE, CHANGED, CHANGED, CHANGED),
}
# What names the hole afterwards; None: the data itself, by its leaves or positions.
SEEN_BY = {
    "disable trigger": "trigger",
    "disable all": "trigger",
    "edit pg_trigger": "trigger",
    "blind the trigger": "function",
    "drop trigger": "trigger",
    "inherit": "inherits",
    "rule": "rule",
    "replace append": "function",
}
ROLES = {roles.APP: 1, roles.OWNER: 2, "postgres": 3}


@pytest.fixture(scope="module")
def server(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[psycopg.Connection[Any]]:
    """Give a superuser's session in a secured database with two events."""
    del django_db_setup
    with django_db_blocker.unblock(), databases.cloned():
        appended("user-1")
        appended("user-1", renamed(), expected_version=1)
        parameters = connection.get_connection_params()
        parameters["options"] = "-c role=none"
        with psycopg.connect(**_libpq(parameters)) as session:
            yield session
            session.rollback()


def _libpq(parameters: dict[str, Any]) -> dict[str, Any]:
    wanted = ("dbname", "host", "port", "user", "password", "options")
    return {name: parameters[name] for name in wanted if parameters.get(name)}


def state(server: psycopg.Connection[Any]) -> object:
    """Return all that is recorded, and the last position drawn."""
    try:
        with server.transaction():
            return (
                server.execute("SELECT * FROM public.events ORDER BY 1, 2").fetchall(),
                server.execute(
                    "SELECT last_value FROM public.events_position_seq"
                ).fetchall(),
            )
    except psycopg.Error:
        return "gone"


def attempt(server: psycopg.Connection[Any], attack: str, role: str) -> str:
    before = state(server)
    try:
        with server.transaction():
            if role != "postgres":
                server.execute(f"SET LOCAL SESSION AUTHORIZATION {role}")
            server.execute(attack.encode())
            server.execute("RESET SESSION AUTHORIZATION")
    except psycopg.Error:
        assert state(server) == before
        return REFUSED
    server.execute("RESET ROLE")
    return HARMLESS if state(server) == before else CHANGED


@contextlib.contextmanager
def undone(server: psycopg.Connection[Any]) -> Iterator[None]:
    last = server.execute("SELECT last_value FROM events_position_seq").fetchone()
    try:
        yield
    finally:
        server.rollback()
        # Sequences do not roll back.
        server.execute("SELECT setval('events_position_seq', %s)", last)
        server.commit()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ATTACKS)
def test_each_door_is_as_open_as_the_table_says(
    server: psycopg.Connection[Any], name: str, role: str
) -> None:
    row = ATTACKS[name]
    with undone(server):
        if name in {"cascade", "truncate parent", "disable all"}:
            server.execute(PREPARE)
        outcome = attempt(server, row[0], role)
        assert outcome == row[ROLES[role]]
        if outcome != REFUSED and name in SEEN_BY:
            found = guard.holes(server.cursor(), role=roles.APP)
            assert SEEN_BY[name] in {hole.code for hole in found}


def test_who_may_write_all_data_still_may_not_delete(
    server: psycopg.Connection[Any],
) -> None:
    with undone(server):
        server.execute("GRANT pg_write_all_data TO annals_app")
        assert attempt(server, "DELETE FROM events", roles.APP) == REFUSED
        codes = {hole.code for hole in guard.holes(server.cursor(), role=roles.APP)}
        assert "member" in codes


def test_a_secured_database_has_no_hole_and_nothing_left_to_do(
    server: psycopg.Connection[Any],
) -> None:
    server.execute("SET LOCAL synchronous_commit = on")  # the suite's own is off
    assert guard.holes(server.cursor(), role=roles.APP) == []
    assert roles.missing(server.cursor()) == []
    server.rollback()
