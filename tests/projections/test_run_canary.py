from __future__ import annotations

import pytest

from eventstore import store
from projections import reprocess, runs
from tests.repairs import as_operator, break_row, everybody, is_fold, users
from users.aggregate import USER

pytestmark = pytest.mark.usefixtures("committed_db")


def test_a_canary_repairs_five_stops_and_asks() -> None:
    people = users(9)
    broken = people[:7]
    for each in broken:
        break_row(each)
    with as_operator():
        token = reprocess.preview_many(everybody()).token
        run = runs.start(token, reason="OPS-412", canary=runs.CANARY)
    assert runs.go_on(run.run_id)
    run.refresh_from_db()
    assert (run.state, run.changed) == ("asking", 5)
    repaired = {USER.stream(each) for each in broken if is_fold(each)}
    assert {each["stream"] for each in run.tried} == repaired
    assert len(repaired) == len(run.tried) == 5
    assert run.tried[0]["fields"] == ["directory.name"]
    assert not any(each["failed"] for each in run.tried)
    runs.go_on_all()
    assert sum(map(is_fold, people)) == 7  # nobody goes on unasked
    with as_operator():
        runs.resume(run.run_id)
    assert runs.go_on(run.run_id)
    run.refresh_from_db()
    assert (run.state, run.checked, run.changed) == ("finished", 9, 7)
    assert all(map(is_fold, people))
    events = store.read_stream(f"reprocess-{run.run_id}")
    assert [(event.type, event.actor) for event in events] == [
        ("ReprocessStarted", "staff:root"),
        ("ReprocessAdvanced", "system:reprocess"),
        ("ReprocessChanged", "system:reprocess"),
        ("ReprocessChanged", "staff:root"),
        ("ReprocessAdvanced", "system:reprocess"),
        ("ReprocessFinished", "system:reprocess"),
    ]


def test_a_canary_that_was_paused_still_asks_and_one_too_few_ends() -> None:
    people = users(6)
    for each in people[:4]:
        break_row(each)
    with as_operator():
        token = reprocess.preview_many(everybody()).token
        run = runs.start(token, reason="OPS-412", canary=4)
        runs.pause(run.run_id)
        runs.resume(run.run_id)
        break_row(people[4])
        rest = runs.start(
            reprocess.preview_many(everybody()).token, reason="OPS-412", canary=5
        )
    assert runs.go_on(run.run_id)
    run.refresh_from_db()
    assert (run.state, len(run.tried)) == ("asking", 4)
    assert runs.go_on(rest.run_id)
    rest.refresh_from_db()
    assert (rest.state, len(rest.tried)) == ("finished", 1)
