from __future__ import annotations

import pytest
from django.conf import LazySettings

from tests.salesforce.answers import Salesforce
from tests.salesforce.here import ours, run
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("threshold", [0, 10_000])
def test_only_what_the_installation_wants_is_read(
    connected: Salesforce, settings: LazySettings, threshold: int
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {
        "WHERE": "LastName != 'Partner' OR FirstName = 'Ada'",
        "BULK_THRESHOLD": threshold,
    }
    add = connected.org.create
    kept = add(FirstName="Ada", LastName="Partner", Email="ada@example.com")
    moves = add(FirstName="Bob", LastName="Staff", Email="bob@example.com")
    other = add(FirstName="Cem", LastName="Partner", Email="cem@example.com")
    assert run().counts["read"] == 2
    assert ours().keys() == {kept, moves}
    assert run(Mode.RECORD, ids=[other]).counts["read"] == 0
    connected.org.update(other, FirstName="Can")
    connected.org.update(moves, LastName="Partner")
    done = run(Mode.INCREMENTAL)
    assert (done.state, done.counts["changed"]) == (State.SUCCEEDED, 0)
    assert ours()[moves] == ("Bob Staff", "bob@example.com", "active")
    done = run(Mode.RECONCILE)
    assert (done.state, done.deactivated) == (State.SUCCEEDED, 1)
    assert ours()[moves][2] == "deactivated"
    connected.org.update(moves, LastName="Staff")
    run(Mode.INCREMENTAL)
    assert ours()[moves] == ("Bob Staff", "bob@example.com", "active")
