"""What becomes of users whose record is gone, where nobody is to be deactivated."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from tests.salesforce.answers import Salesforce
from tests.salesforce.here import log, ours, run, truth, users_changed
from users.events import UserStatusChanged
from users.models import SalesforceFinding, SalesforceLink
from users.sources.salesforce import records
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db


def gone(org: Salesforce) -> list[str]:
    """Let records be deleted, merged and purged, and one say so by its status."""
    ids = org.org.seed(70)
    run()
    org.org.delete(ids[0])
    org.org.merge(ids[1], into=ids[5])
    for identity in ids[10:65]:
        org.org.purge(identity)
    org.org.update(ids[3], Status__c="Gone")
    return ids


def states(*ids: str) -> list[str]:
    known = SalesforceLink.objects.in_bulk(ids)
    return [known[each].state for each in ids]


def active() -> int:
    return [status for _, _, status in ours().values()].count("active")


def test_a_flag_is_on_the_link_and_nobody_is_deactivated(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"ON_DELETE": "flag"}
    ids = gone(connected)
    before = active()
    done = run(Mode.RECONCILE)
    assert (done.state, done.people, done.deactivated) == (State.SUCCEEDED, 0, 1)
    assert states(*ids[:4]) == ["deleted", "merged", "linked", "linked"]
    assert SalesforceLink.objects.get(sf_id=ids[1]).master_id == ids[5]
    assert SalesforceLink.objects.filter(state="absent").count() == 55
    assert (ours()[ids[3]][2], active()) == ("deactivated", before - 1)
    assert [each.payload.reason for each in log(UserStatusChanged)] == [
        "salesforce_status"
    ]
    told = users_changed()
    connected.org.undelete(ids[0])
    again = run(Mode.RECONCILE)
    assert (again.deactivated, again.counts["changed"]) == (0, 0)
    assert (states(ids[0]), users_changed()) == (["linked"], told)


def test_what_is_ignored_changes_nothing(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"ON_DELETE": "ignore"}
    ids = gone(connected)
    for mode in (Mode.RECONCILE, Mode.INCREMENTAL):
        done = run(mode)
        assert (done.state, done.people) == (State.SUCCEEDED, 0)
    assert set(states(*ids)) == {"linked"}
    assert len(log(UserStatusChanged)) == 1
    connected.org.undelete(ids[0])
    connected.org.update(ids[0], LastName="Back")
    run(Mode.INCREMENTAL)
    assert ours()[ids[0]] == truth(connected)[ids[0]]


def test_a_status_that_says_so_needs_the_approval(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"ON_DELETE": "flag"}
    ids = connected.org.seed(70)
    run()
    connected.org.delete(ids[0])
    for identity in ids[1:56]:
        connected.org.update(identity, Status__c="Gone")
    held = run(Mode.INCREMENTAL)
    assert (held.state, held.people) == (State.AWAITING_APPROVAL, 55)
    user_ids = dict(SalesforceLink.objects.values_list("sf_id", "user_id"))
    assert records.withheld(user_ids[ids[0]]) == []
    assert len(records.withheld(user_ids[ids[1]])) == 1
    assert SalesforceFinding.objects.filter(is_done=False).count() == 56
