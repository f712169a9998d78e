"""The hot path's own way to the server keeps what Django's connection promises."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import DataError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from eventstore import store, wire
from eventstore.models import StoredEvent
from tests.factories import appended, renamed, user_created

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(values=st.lists(st.none() | TEXT | st.binary() | st.integers() | st.uuids()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.django_db
def test_an_array_arrives_as_it_was(values: list[Any]) -> None:
    literal = wire.written(values)
    told = [rf"\x{each.hex()}" if type(each) is bytes else each for each in values]
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [literal])
        assert cursor.fetchone()[0] == [
            None if each is None else str(each) for each in told
        ]


@pytest.mark.usefixtures("committed_db")
def test_an_append_belongs_to_the_transaction_it_is_in() -> None:
    with transaction.atomic():  # the append is its first statement
        appended("user-1")
        assert StoredEvent.objects.count() == 1
        transaction.set_rollback(True)
    assert StoredEvent.objects.count() == 0
    appended("user-1")
    with transaction.atomic():
        appended("user-1", renamed(), expected_version=1)
    assert len(store.read_stream("user-1")) == 2


@pytest.mark.usefixtures("committed_db")
def test_a_pooler_that_forgets_what_was_prepared_is_told_again() -> None:
    appended("user-1")
    with connection.cursor() as cursor:
        cursor.execute("DISCARD ALL")
        cursor.execute("SET ROLE annals_app")
    appended("user-1", renamed(), expected_version=1)
    assert len(store.read_stream("user-1")) == 2


@pytest.mark.usefixtures("committed_db")
def test_nothing_is_prepared_where_that_is_forbidden(settings: Settings) -> None:
    settings.DATABASE_PREPARES = False
    connection.close()
    appended("user-1")
    assert store.read_stream("user-1")[0].payload == user_created()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)


@pytest.mark.usefixtures("committed_db")
def test_a_lost_connection_is_an_operational_error_and_then_made_anew() -> None:
    appended("user-1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    killer = threading.Thread(target=_terminate, args=[pid])
    killer.start()
    killer.join()
    with pytest.raises(OperationalError):
        appended("user-2")
    connection.close()
    appended("user-2")
    assert StoredEvent.objects.count() == 2


def _terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE none")
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    connection.close()


@pytest.mark.django_db
def test_its_queries_are_counted_as_any_other() -> None:
    with CaptureQueriesContext(connection) as captured:
        store.read_stream("user-1")
    assert len(captured) == 1


@pytest.mark.django_db
def test_text_with_nul_is_refused_and_not_cut_off() -> None:
    with pytest.raises(DataError, match="cannot contain NUL"):
        wire.rows("find_keys", {"subjects": ["user-1\0"]})
