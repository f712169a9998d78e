from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from projections import runs, scopes
from projections.models import ReprocessRun
from tests.repairs import (
    as_operator,
    break_row,
    everybody,
    is_fold,
    started,
    users,
)

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.mark.parametrize(
    ("query", "why"),
    [("status=retired", "status: "), ("region=eu", "There is no filter region; ")],
)
def test_a_stored_filter_that_is_no_longer_understood_means_nobody(
    query: str, why: str
) -> None:
    everyone = users(2)
    for user_id in everyone:
        break_row(user_id)
    run = started(scopes.filtered("status=active"))
    scope = run.scope | {"query": query}
    ReprocessRun.objects.filter(pk=run.pk).update(scope=scope)
    assert runs.go_on(run.run_id)
    run.refresh_from_db()
    assert (run.state, run.checked) == ("paused", 0)
    assert run.note.startswith(f"The filter is no longer understood: {why}")
    assert [is_fold(each) for each in everyone] == [False, False]


def test_what_stops_a_run_stands_beside_it_until_it_goes_on(superuser: None) -> None:
    del superuser
    (ada,) = users(1)
    break_row(ada)
    run = started(everybody())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE projections_drift RENAME TO hidden")
        runs.go_on_all()
        run.refresh_from_db()
        assert run.state == "running"
        assert run.error.startswith("ProgrammingError (42P01) at drift.py:")
        cursor.execute("ALTER TABLE hidden RENAME TO projections_drift")
    runs.go_on_all()
    run.refresh_from_db()
    assert (run.state, run.error, is_fold(ada)) == ("finished", "", True)


def test_trouble_is_forgotten_and_who_failed_is_not(superuser: None) -> None:
    del superuser
    ada, bob = users(2)
    for each in (ada, bob):
        break_row(each)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE projections_directoryentry ADD CONSTRAINT bad"
            f" CHECK (user_id <> '{ada}') NOT VALID"
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "CHUNK", 1)
        run = started(everybody())
        runs.go_on(run.run_id, seconds=0.001)
        ReprocessRun.objects.update(error="OSError at nowhere.py:1")
        runs.go_on_all()
    run.refresh_from_db()
    assert (run.state, run.failed, run.changed) == ("finished", 1, 1)
    assert run.error == ""
    assert run.note.startswith("IntegrityError (bad) at directory.py:")


def test_trouble_in_the_last_empty_step_is_forgotten_at_the_end() -> None:
    (ada,) = users(1)
    break_row(ada)
    run = started(everybody())
    runs.go_on(run.run_id, seconds=0.001)
    ReprocessRun.objects.update(error="OSError at nowhere.py:1")
    runs.go_on_all()
    run.refresh_from_db()
    assert (run.state, run.changed, run.error) == ("finished", 1, "")


def test_trouble_is_over_where_the_run_stops_itself() -> None:
    users(1)
    run = started(everybody())
    ReprocessRun.objects.update(error="OSError at nowhere.py:1", code="yesterday")
    runs.go_on_all()
    run.refresh_from_db()
    assert (run.state, run.error) == ("paused", "")
    assert run.note.startswith("The projections' code changed")


@pytest.mark.parametrize("end", [runs.pause, runs.cancel])
def test_an_operators_word_ends_what_was_said_of_trouble(end: Any) -> None:
    users(1)
    run = started(everybody())
    ReprocessRun.objects.update(error="OSError at nowhere.py:1")
    with as_operator():
        end(run.run_id, reason="OPS-1")
    run.refresh_from_db()
    assert (run.note, run.error) == ("OPS-1", "")


def test_trouble_is_not_said_of_a_run_that_somebody_ended_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users(1)
    run = started(everybody())

    def fail_late(run_id: UUID, *, seconds: float) -> bool:
        del seconds
        with as_operator():
            runs.cancel(run_id, reason="OPS-1")
        raise OSError

    monkeypatch.setattr(runs, "go_on", fail_late)
    runs.attempt(run.run_id, seconds=1)
    run.refresh_from_db()
    assert (run.state, run.note, run.error) == ("cancelled", "OPS-1", "")
