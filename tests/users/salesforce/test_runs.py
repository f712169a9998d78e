"""The scenarios A1 to A5 and A7: what a run makes of a well-behaved org."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.salesforce.answers import Salesforce
from tests.salesforce.here import log, ours, run, truth, users_changed
from users.events import UserCreated, UserNameChanged, UserStatusChanged
from users.models import SalesforceLink
from users.sources.salesforce import runs
from users.sources.salesforce.run_state import Mode, State

pytestmark = pytest.mark.django_db
READ = {"read": 156, "created": 156}


def counted(found: object) -> dict[str, int]:
    counts: dict[str, int] = found.counts  # type: ignore[attr-defined]
    return {name: count for name, count in counts.items() if count}


def test_a_full_run_equals_the_truth(connected: Salesforce) -> None:
    connected.org.seed()
    done = run(Mode.FULL)
    assert (done.state, done.why, counted(done)) == (State.SUCCEEDED, "", READ)
    assert ours() == truth(connected)
    assert len(users_changed()) == 156
    assert runs.watermark("Contact") == done.covered_until
    assert done.covered_until is not None
    assert connected.org.covered() - done.covered_until < timedelta(minutes=1)


def test_an_event_tells_where_it_comes_from(connected: Salesforce) -> None:
    created = connected.org.now() - timedelta(days=900)
    modified = created + timedelta(days=400)
    stamps = {"CreatedDate": created, "LastModifiedDate": modified}
    identity = connected.org.create(
        LastName="Ng", Email="ng@example.com", Status__c="On hold", **stamps
    )
    done = run()
    made, suspended = users_changed()
    assert made.payload == UserCreated(name="Ng", email="ng@example.com")
    assert suspended.payload.new_status == "suspended"
    assert (made.occurred_at, suspended.occurred_at) == (created, modified)
    assert (made.actor, made.source) == ("integration:salesforce", "salesforce")
    assert made.correlation_id == done.run_id
    told = dict(made.metadata)
    assert told.pop("command_id")
    assert told.pop("raw").startswith(identity)
    assert told == {
        "command": "CreateUser",
        "run": str(done.run_id),
        "record": identity,
        "backfill": True,
        "last_modified": modified.isoformat(),
        "last_modified_by": "005000000000001AAC",
        "system_modstamp": connected.org.find(identity)[1][
            "SystemModstamp"
        ].isoformat(),
        "mapper_version": 1,
        "values_known_from": modified.isoformat(),
    }


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL, Mode.RECONCILE])
def test_once_more_says_nothing(connected: Salesforce, mode: Mode) -> None:
    connected.org.seed()
    run()
    before = users_changed()
    done = run(mode)
    assert counted(done) == {"read": 156}
    assert users_changed() == before


def test_what_changed_arrives(connected: Salesforce) -> None:
    ids = connected.org.seed(8)
    run()
    before = len(users_changed())
    org = connected.org
    org.update(ids[0], LastName="Changed", Email="changed@example.com")
    org.update(ids[1])  # touched only
    org.update(ids[2], Status__c="On hold")
    org.delete(ids[3])
    org.merge(ids[4], into=ids[5])
    org.update(ids[6], LastName="Late", LastModifiedDate=org.now() - timedelta(days=9))
    new = org.create(LastName="New", Email="new@example.com")
    done = run(Mode.INCREMENTAL)
    assert counted(done) == {"read": 9, "created": 1, "changed": 3, "withheld": 2}
    assert (done.state, done.deactivated) == (State.SUCCEEDED, 2)
    assert ours() == truth(connected)
    assert len(users_changed()) - before == 7
    states = SalesforceLink.objects.in_bulk([ids[3], ids[4], ids[5], new])
    assert [link.state for link in states.values()] != []
    assert states[ids[3]].state == "deleted"
    assert (states[ids[4]].state, states[ids[4]].master_id) == ("merged", ids[5])
    assert (states[ids[5]].state, states[new].state) == ("linked", "linked")
    reasons = {event.payload.reason for event in log(UserStatusChanged)}
    assert reasons == {"", "salesforce_deleted", f"salesforce_merged:{ids[5]}"}


def test_who_is_undeleted_is_active_again(connected: Salesforce) -> None:
    identity, _other = connected.org.seed(2)
    run()
    connected.org.delete(identity)
    run(Mode.INCREMENTAL)
    connected.org.undelete(identity)
    run(Mode.INCREMENTAL)
    assert ours() == truth(connected)
    assert [each.payload.reason for each in log(UserStatusChanged)] == [
        "salesforce_deleted",
        "salesforce_restored",
    ]
    run(Mode.INCREMENTAL)
    assert len(log(UserStatusChanged)) == 2


def test_who_is_purged_is_found_by_a_reconciliation(connected: Salesforce) -> None:
    ids = connected.org.seed(3)
    run()
    connected.org.purge(ids[1])
    assert counted(run(Mode.INCREMENTAL)) == {"read": 2}
    done = run(Mode.RECONCILE)
    assert (done.state, done.deactivated) == (State.SUCCEEDED, 1)
    assert ours()[ids[1]][2] == "deactivated"
    assert SalesforceLink.objects.get(sf_id=ids[1]).state == "absent"
    assert run(Mode.RECONCILE).deactivated == 0


def test_a_late_transaction_is_not_lost(connected: Salesforce) -> None:
    connected.org.seed(2)
    run()
    with connected.org.slow_transaction():
        early = connected.org.now() - timedelta(seconds=30)
        late = connected.org.create(
            LastName="Late", Email="late@example.com", SystemModstamp=early
        )
        assert counted(run(Mode.INCREMENTAL)) == {"read": 2}
    assert counted(run(Mode.INCREMENTAL))["created"] == 1
    assert ours()[late] == ("Late", "late@example.com", "active")


def test_many_rows_of_one_second_are_all_read(
    connected: Salesforce, settings: object
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"PAGE_SIZE": 50}  # type: ignore[attr-defined]
    connected.org.seed(1)
    run()
    connected.org.fill(230, SystemModstamp=connected.org.now())
    done = run(Mode.INCREMENTAL)
    assert (done.counts["created"], done.pages) == (230, 5)
    assert ours() == truth(connected)


def test_rows_that_move_under_the_reader_are_read_in_the_end(
    connected: Salesforce, settings: object
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"PAGE_SIZE": 20}  # type: ignore[attr-defined]
    ids = connected.org.seed(100)
    moving = iter(ids[50:])

    def move() -> None:
        connected.org.update(next(moving), LastName="Moved")
        connected.org.create(LastName="New", Email=f"{next(moving)}@example.com")
        connected.org.purge(next(moving))

    connected.before_page = move
    run()
    connected.before_page = lambda: None
    run(Mode.RECONCILE)
    now = truth(connected)
    assert {sf_id: said for sf_id, said in ours().items() if sf_id in now} == now
    gone = ours().keys() - now.keys()
    assert {ours()[sf_id][2] for sf_id in gone} <= {"deactivated"}


def test_named_records_are_read_and_nothing_else(connected: Salesforce) -> None:
    ids = connected.org.seed(5)
    done = run(Mode.RECORD, ids=[ids[1][:15], ids[2].lower()])
    assert counted(done) == {"read": 2, "created": 2}
    assert done.covered_until is None
    assert ours().keys() == {ids[1], ids[2]}
    connected.org.purge(ids[1])
    assert run(Mode.RECORD, ids=[ids[1]]).state == State.SUCCEEDED


def test_a_dry_run_changes_nothing_and_counts_the_same(connected: Salesforce) -> None:
    ids = connected.org.seed(5)
    run()
    connected.org.update(ids[0], LastName="Other")
    connected.org.delete(ids[1])
    connected.org.create(LastName="New", Email="new@example.com")
    before = users_changed(), ours(), runs.watermark("Contact")
    dry = run(Mode.INCREMENTAL, dry_run=True)
    assert (users_changed(), ours(), runs.watermark("Contact")) == before
    wet = run(Mode.INCREMENTAL)
    assert dry.counts == wet.counts
    assert [each.payload.new_name for each in log(UserNameChanged)] != []


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_of_ours_that_is_wrong_harms_nothing(
    connected: Salesforce, ahead: timedelta
) -> None:
    connected.org.skew = ahead
    ids = connected.org.seed(3)
    done = run()
    assert done.covered_until is not None
    connected.org.update(ids[0], LastName="Tomorrow")
    assert counted(run(Mode.INCREMENTAL))["changed"] == 1
    assert ours() == truth(connected)
