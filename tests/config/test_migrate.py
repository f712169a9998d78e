"""migrate acts as the owner of the log, for its own duration only."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from eventstore import roles
from tests.databases import acting_as


def asked(query: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


@pytest.mark.usefixtures("committed_db")
def test_migrates_as_the_owner_and_leaves_the_database_secure() -> None:
    with acting_as("none"), connection.cursor() as cursor:
        cursor.execute("GRANT ALL ON events TO annals_app")
        cursor.execute("CREATE TABLE left_over (n int)")
        cursor.execute("ALTER TABLE left_over OWNER TO annals_owner")
    where = quote(connection.settings_dict["HOST"], safe="")
    name = connection.settings_dict["NAME"]
    url = f"postgresql://{roles.MIGRATE}@{where}/{name}"
    with override_settings(MIGRATE_DATABASE_URL=url):
        call_command("migrate", verbosity=0)
    assert asked("SELECT current_user") == roles.APP
    assert (
        asked("SELECT has_table_privilege('annals_app', 'events', 'INSERT')") is False
    )
    assert asked("SELECT has_table_privilege('annals_app', 'left_over', 'INSERT')")


@pytest.mark.usefixtures("committed_db")
def test_without_a_role_of_its_own_it_migrates_as_it_is() -> None:
    call_command("migrate", verbosity=0)
    assert asked("SELECT current_user") == roles.APP
