"""A record may name the user whom it tells of; then nobody becomes known twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings

from eventstore.intake.models import RawRecord, RecordMapping
from tests.factories import ADA, known_user, metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, run
from tests.users.salesforce.acting import as_staff
from users import services
from users.commands import EraseUser
from users.events import UserCreated, UserStatusChanged
from users.models import SalesforceConflict, SalesforceLink
from users.sources.salesforce import backfill, runs
from users.sources.salesforce.checks import check_salesforce
from users.sources.salesforce.events import SalesforceRecordLinked
from users.sources.salesforce.run_state import Mode, State
from users.values import ErasureGround

pytestmark = pytest.mark.django_db
FIELD = "External_Id__c"
BOB = UUID("00000000-0000-4000-8000-00000000b0b0")


@pytest.fixture
def named(connected: Salesforce, settings: LazySettings) -> Salesforce:
    """Serve an org whose records may name users; Ada is one."""
    settings.SALESFORCE = settings.SALESFORCE | {"EXTERNAL_ID_FIELD": FIELD}
    known_user(ADA, email="ada@example.com")
    return connected


def contact(org: Salesforce, external_id: Any = str(ADA), **changes: str) -> str:
    values = {"LastName": "King", "Email": "king@example.com"} | changes
    return org.org.create(**values, **{FIELD: external_id})


def quarantined() -> list[str]:
    found = RecordMapping.objects.filter(state="quarantined")
    return sorted(found.values_list("error", flat=True))


@pytest.mark.parametrize(
    ("threshold", "text"), [(10_000, str(ADA)), (0, f" {str(ADA).upper()} ")]
)
def test_a_record_is_linked_to_the_user_whom_it_names(
    named: Salesforce, settings: LazySettings, threshold: int, text: str
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"BULK_THRESHOLD": threshold}
    identity = contact(named, text)
    other = contact(named, None, LastName="Other", Email="other@example.com")
    done = run()
    assert (done.state, done.counts["created"]) == (State.SUCCEEDED, 1)
    assert named.jobs.made == (threshold == 0)
    assert ours() == {
        identity: ("King", "king@example.com", "active"),
        other: ("Other", "other@example.com", "active"),
    }
    assert SalesforceLink.objects.get(sf_id=identity).user_id == ADA
    (linked,) = log(SalesforceRecordLinked)
    assert (linked.payload.record, linked.payload.matched_by) == (
        identity,
        "external_id",
    )
    again = run(Mode.RECONCILE)
    assert (again.counts["changed"], again.counts["conflicts"]) == (0, 0)


def test_the_name_counts_more_than_the_address(named: Salesforce) -> None:
    known_user(BOB, email="bob@example.com")
    identity = contact(named, Email="bob@example.com")
    other = contact(named, "", LastName="Other", Email="ada@example.com")
    done = run()
    # Ada's record has Bob's address, so she keeps hers; nobody else gets Ada by it.
    assert done.counts["conflicts"] == 2
    assert SalesforceLink.objects.get(sf_id=identity).user_id == ADA
    assert ours() == {identity: ("King", "ada@example.com", "active")}
    assert SalesforceLink.objects.get(sf_id=other).state == "conflict"
    kinds = SalesforceConflict.objects.values_list("kind", flat=True)
    assert list(kinds) == ["duplicate_email"] * 2


def test_who_is_named_wrongly_becomes_nobody(named: Salesforce) -> None:
    codes = {
        "10008756": "bad_external_id",
        f"user-{ADA}": "bad_external_id",
        f"{{{ADA}}}": "bad_external_id",
        ADA.hex: "bad_external_id",
        "\uff10" + str(ADA)[1:]: "bad_external_id",
        "'; DROP TABLE events--": "bad_external_id",
        "0\0": "bad_external_id",
        "x" * 5_000: "bad_external_id",
        str(BOB): "unknown_external_id",
        str(UUID(int=0)): "unknown_external_id",
    }
    for number, text in enumerate(codes):
        # Not even by an address that would do.
        contact(named, text, Email=f"{number or 'ada'}@example.com")
    done = run()
    assert (done.state, done.counts["quarantined"]) == (State.SUCCEEDED, len(codes))
    assert (quarantined(), SalesforceLink.objects.count()) == (
        sorted(codes.values()),
        0,
    )
    assert len(log(UserCreated)) == 1
    assert log(SalesforceRecordLinked) == []


def test_a_user_is_named_by_one_record_alone(named: Salesforce) -> None:
    for number in range(2):
        contact(named, Email=f"{number}@example.com")
    assert run().counts["quarantined"] == 2
    assert quarantined() == ["taken_external_id"] * 2
    assert (ours(), len(log(UserCreated))) == ({}, 1)


def test_a_user_who_is_linked_stays_with_their_record(named: Salesforce) -> None:
    first = contact(named)
    run()
    contact(named, LastName="Second", Email="second@example.com")
    assert run(Mode.INCREMENTAL).counts["quarantined"] == 1
    assert quarantined() == ["taken_external_id"]
    assert ours() == {first: ("King", "king@example.com", "active")}
    assert len(log(UserCreated, SalesforceRecordLinked)) == 2


def test_a_record_that_could_become_nobody_says_whom_it_is_about(
    named: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"MATCH_BY_EMAIL": False}
    identity = contact(named, None, Email="ada@example.com")
    run()
    assert SalesforceLink.objects.get().state == "conflict"
    named.org.update(identity, **{FIELD: str(BOB)})
    assert run(Mode.INCREMENTAL).counts["quarantined"] == 1
    named.org.update(identity, **{FIELD: str(ADA)})
    assert run(Mode.INCREMENTAL).counts["changed"] == 1
    assert SalesforceLink.objects.get().user_id == ADA
    assert ours() == {identity: ("King", "ada@example.com", "active")}
    assert len(log(SalesforceRecordLinked)) == len(log(UserCreated)) == 1


def test_a_deleted_record_is_linked_to_nobody_whom_it_names(
    named: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"MATCH_BY_EMAIL": False}
    identity = contact(named, None, Email="ada@example.com")
    run()
    named.org.update(identity, **{FIELD: str(ADA)})
    named.org.delete(identity)
    done = run(Mode.INCREMENTAL)
    assert (done.state, done.deactivated) == (State.SUCCEEDED, 0)
    assert SalesforceLink.objects.get().user_id != ADA
    assert len(log(UserStatusChanged)) == 0


def test_who_is_named_later_is_linked_then(named: Salesforce) -> None:
    identity = contact(named, str(BOB))
    run()
    known_user(BOB, email="bob@example.com")
    run(Mode.RECONCILE)
    assert SalesforceLink.objects.get().user_id == BOB
    named.org.update(identity, **{FIELD: "nonsense"}, LastName="Linked for good")
    assert run(Mode.INCREMENTAL).counts["changed"] == 1
    assert ours()[identity][0] == "Linked for good"


def test_who_was_erased_is_not_brought_back_by_name(named: Salesforce) -> None:
    erase = EraseUser(user_id=ADA, ground=ErasureGround.REQUEST)
    services.execute(erase, metadata())
    identity = contact(named)
    done = run()
    assert (done.counts["ignored"], done.counts["created"]) == (1, 0)
    link = SalesforceLink.objects.get(sf_id=identity)
    assert (link.state, link.user_id, link.said) == ("ignored", ADA, {})
    contact(named, LastName="Again", Email="again@example.com")
    assert run(Mode.INCREMENTAL).counts["ignored"] == 2  # and the first one anew
    assert (len(log(UserCreated)), RawRecord.objects.count()) == (1, 0)


def test_a_run_does_not_begin_where_the_name_cannot_be_seen(
    named: Salesforce,
) -> None:
    contact(named)
    named.org.hidden = {FIELD}
    done = run()
    assert (done.state, done.why) == (State.FAILED, f"schema: {FIELD}")
    assert SalesforceLink.objects.count() == 0


def test_what_was_asked_for_without_the_name_makes_nobody(
    named: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {
        "EXTERNAL_ID_FIELD": "",
        "PAGE_SIZE": 1,
        "SLICE_SECONDS": 0,
    }
    first = contact(named, None)
    contact(named, Email="second@example.com")
    with as_staff():
        started = runs.start(Mode.FULL)
    while not SalesforceLink.objects.exists():
        assert backfill.work(started.run_id)
    settings.SALESFORCE = settings.SALESFORCE | {"EXTERNAL_ID_FIELD": FIELD}
    assert finish(started).counts["quarantined"] == 1
    assert quarantined() == ["not_observed"]
    assert ours().keys() == {first}


@pytest.mark.parametrize("field", ["no field", "Email", "Id", "Status__c"])
def test_a_field_that_cannot_be_it_is_refused(
    named: Salesforce, settings: LazySettings, field: str
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"EXTERNAL_ID_FIELD": field}
    assert [each.id for each in check_salesforce()] == ["salesforce.name"]
    assert named.asked == []
