"""The guard names each hole as it is made, and the commands say how to close it."""

from __future__ import annotations

import io
import json

import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from django.db import connection

from eventstore import guard, roles, store
from eventstore.apps import EventStoreConfig
from tests.factories import appended

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("durable_server", "superuser"),
]

HOLES = {
    "ALTER ROLE annals_app SUPERUSER": ("superuser", "annals_app"),
    "GRANT annals_owner TO annals_app": ("owner", "annals_app"),
    "ALTER ROLE annals_app REPLICATION": ("attribute", "REPLICATION of annals_app"),
    "ALTER ROLE annals_app BYPASSRLS": ("attribute", "BYPASSRLS of annals_app"),
    "ALTER ROLE annals_app CREATEROLE": ("attribute", "CREATEROLE of annals_app"),
    "GRANT pg_write_all_data TO annals_app": (
        "member",
        "pg_write_all_data to annals_app",
    ),
    "ALTER SCHEMA public OWNER TO annals_app": ("database_owner", "annals_app"),
    "GRANT CREATE ON SCHEMA public TO PUBLIC": ("create", "public"),
    "GRANT INSERT ON events TO annals_app": ("grant", "INSERT to annals_app"),
    "GRANT UPDATE (actor) ON events TO PUBLIC": ("grant", "UPDATE to PUBLIC"),
    "GRANT TRUNCATE, TRIGGER ON events TO pg_monitor": (
        "grant",
        "TRIGGER, TRUNCATE to pg_monitor",
    ),
    "GRANT UPDATE ON events_position_seq TO annals_app": (
        "sequence_grant",
        "UPDATE to annals_app",
    ),
    "GRANT UPDATE ON vault.subject_key TO annals_app": (
        "vault_grant",
        "UPDATE to annals_app",
    ),
    "ALTER TABLE vault.subject_key ENABLE TRIGGER subject_key_stays_destroyed": (
        "vault_trigger",
        "subject_key_stays_destroyed",
    ),
    "DROP TRIGGER subject_key_is_never_deleted ON vault.subject_key": (
        "vault_trigger",
        "subject_key_is_never_deleted",
    ),
    "GRANT INSERT ON raw_records TO annals_app": ("raw_grant", "INSERT to annals_app"),
    "GRANT UPDATE (body) ON raw_records TO PUBLIC": ("raw_grant", "UPDATE to PUBLIC"),
    "ALTER TABLE raw_records ENABLE TRIGGER raw_record_is_immutable": (
        "raw_trigger",
        "raw_record_is_immutable",
    ),
    "DROP TRIGGER raw_record_is_never_deleted ON raw_records": (
        "raw_trigger",
        "raw_record_is_never_deleted",
    ),
    "ALTER TABLE events ENABLE TRIGGER events_are_immutable": (
        "trigger",
        "events_are_immutable",
    ),
    "DROP TRIGGER events_are_immutable ON events": ("trigger", "events_are_immutable"),
    (
        "CREATE TRIGGER odd BEFORE INSERT ON events FOR EACH ROW"
        " EXECUTE FUNCTION refuse_event_change_v1()"
    ): ("strange_trigger", "odd"),
    (
        "CREATE OR REPLACE FUNCTION refuse_event_change_v1() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    ): ("function", "refuse_event_change_v1"),
    "CREATE TABLE child (id uuid REFERENCES events (event_id))": (
        "foreign_key",
        "child.child_id_fkey",
    ),
    "CREATE RULE deaf AS ON INSERT TO events DO INSTEAD NOTHING": ("rule", "deaf"),
    "CREATE TABLE fake () INHERITS (events)": ("inherits", "fake"),
    "ALTER TABLE events ENABLE ROW LEVEL SECURITY": ("row_security", "events"),
    "ALTER SEQUENCE events_position_seq CACHE 2": ("sequence_cache", "2"),
    "ALTER ROLE annals_app SET synchronous_commit = off": (
        "role_setting",
        "annals_app",
    ),
    "SET LOCAL synchronous_commit = off": ("setting", "synchronous_commit"),
}
WRITERS = ("append_event_v3", "append_events_v3")
WRITER_HOLES = {
    "ALTER FUNCTION {} SECURITY INVOKER": "invoker",
    "ALTER FUNCTION {} RESET search_path": "search_path",
    "ALTER FUNCTION {} SET search_path = public": "search_path",
    "GRANT EXECUTE ON FUNCTION {} TO PUBLIC": "public_execute",
}


def open_holes(*statements: str) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        # The suite's own sessions are reckless.
        cursor.execute("SET LOCAL synchronous_commit = on")
        for statement in statements:
            cursor.execute(statement)
        found = guard.holes(cursor, role=roles.APP)
    return [(hole.code, hole.subject) for hole in found]


@pytest.mark.parametrize("statement", HOLES)
def test_names_the_hole_that_a_statement_opens(statement: str) -> None:
    assert open_holes(statement) == [HOLES[statement]]


@pytest.mark.parametrize("statement", WRITER_HOLES)
@pytest.mark.parametrize("writer", WRITERS)
def test_names_a_weakened_append(writer: str, statement: str) -> None:
    expected = [(WRITER_HOLES[statement], writer)]
    assert open_holes(statement.format(writer)) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT ALL ON events TO annals_app",
        "GRANT UPDATE (actor) ON events TO PUBLIC",
        "GRANT ALL ON SEQUENCE events_position_seq TO PUBLIC",
        "GRANT ALL ON vault.subject_key TO annals_app",
        "GRANT CREATE ON SCHEMA vault TO PUBLIC",
        "GRANT annals_owner TO annals_app",
        "ALTER ROLE annals_app CREATEROLE",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "ALTER TABLE events OWNER TO CURRENT_USER",
        "GRANT EXECUTE ON FUNCTION append_events_v3 TO PUBLIC",
    ],
)
def test_secure_database_closes_it_again(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert roles.missing(cursor) != []
    with pytest.raises(CommandError, match="Missing: the statements above"):
        call_command("secure_database", "--check", stdout=io.StringIO())
    call_command("secure_database", stdout=io.StringIO())
    assert open_holes() == []
    output = io.StringIO()
    call_command("secure_database", "--check", stdout=output)
    assert output.getvalue() == "The database is secure; nothing to do.\n"


def test_an_installation_of_one_role_is_upgraded_and_keeps_its_events() -> None:
    appended("user-1")
    before = store.read_stream("user-1")
    with connection.cursor() as cursor:
        # As an earlier version left it: the superuser owns all, nobody else has rights.
        cursor.execute(
            "DO $$ DECLARE _c text; BEGIN FOR _c IN SELECT format('ALTER TABLE %I OWNER"
            " TO CURRENT_USER', tablename) FROM pg_tables WHERE schemaname = 'public'"
            " UNION ALL SELECT format('REVOKE ALL ON %I FROM annals_app', tablename)"
            " FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE _c; END LOOP;"
            " END $$"
        )
    call_command("secure_database", stdout=io.StringIO())
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE annals_app")
    appended("user-2")
    assert store.read_stream("user-1") == before


def test_a_plain_role_is_told_who_may_secure_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("GRANT INSERT ON events TO annals_app")
        cursor.execute("SET ROLE annals_app")
    with pytest.raises(CommandError, match="Run this as a superuser"):
        call_command("secure_database", stdout=io.StringIO())


def test_the_audit_is_for_people_and_for_machines() -> None:
    output = io.StringIO()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        cursor.execute("GRANT INSERT ON events TO PUBLIC")
    with pytest.raises(SystemExit) as ended:
        call_command("audit_guard", role=roles.APP, stdout=output)
    assert ended.value.code == 1
    assert output.getvalue() == (
        "grant: Somebody but the owner has more than SELECT on events: INSERT to"
        " PUBLIC.\n    close it: manage.py secure_database, as a superuser\n"
    )
    output = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("audit_guard", "--json", role=roles.APP, stdout=output)
    (hole,) = json.loads(output.getvalue())
    assert (hole["code"], hole["subject"]) == ("grant", "INSERT to PUBLIC")


def test_a_sound_log_has_no_hole_to_tell_of() -> None:
    output = io.StringIO()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        cursor.execute("SET ROLE annals_app")
    call_command("audit_guard", stdout=output)
    assert output.getvalue() == "No hole is open.\n"


def test_check_warns_and_deploy_refuses() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
    tags = [checks.Tags.database]
    warned = checks.run_checks(tags=tags, databases=["default"])
    assert [(each.id, each.level) for each in warned] == [
        ("eventstore.superuser", checks.WARNING)
    ]
    assert guard.check_guard(databases=None) == []
    assert [(each.id, each.level) for each in guard.check_guard_for_deployment()] == [
        ("eventstore.superuser", checks.ERROR)
    ]
    assert EventStoreConfig.name == "eventstore"
