from __future__ import annotations

import pytest
from django.db import connection

from projections import runs, scopes
from projections.models import ReprocessRun
from tests.repairs import break_row, everybody, is_fold, started, users

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
        assert run.note.startswith("ProgrammingError (42P01) at drift.py:")
        cursor.execute("ALTER TABLE hidden RENAME TO projections_drift")
    runs.go_on_all()
    run.refresh_from_db()
    assert (run.state, run.note, is_fold(ada)) == ("finished", "", True)
