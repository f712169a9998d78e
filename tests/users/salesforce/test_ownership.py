"""Both sides change people: who is right, and what becomes of the difference."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings

from tests.factories import known_user, metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import log, ours, run, users_changed
from tests.users.salesforce.acting import as_staff
from users import services
from users.errors import InvalidValueError
from users.models import SalesforceConflict, SalesforceLink
from users.sources.salesforce import conflicts, runs, translate
from users.sources.salesforce.errors import ConflictError
from users.sources.salesforce.events import (
    SalesforceConflictOpened,
    SalesforceConflictResolved,
    SalesforceRecordLinked,
)
from users.sources.salesforce.ownership import Facts, Owner, Verdict, judge
from users.sources.salesforce.run_state import Mode

pytestmark = pytest.mark.django_db
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def facts(**changes: Any) -> Facts:
    known = {"is_new": True, "is_same": False, "is_untouched": False}
    return Facts(**{"theirs_at": LATE, "ours_at": EARLY} | known | changes)


@pytest.mark.parametrize("owner", Owner)
def test_what_is_not_new_changes_nothing_and_what_is_ours_untouched_does(
    owner: Owner,
) -> None:
    for same, untouched in product([True, False], repeat=2):
        old = facts(is_new=False, is_same=same, is_untouched=untouched)
        assert judge(old, owner) is Verdict.NOTHING
    assert judge(facts(is_same=True), owner) is Verdict.NOTHING
    assert judge(facts(is_untouched=True), owner) is Verdict.APPLY


@pytest.mark.parametrize(
    ("owner", "changes", "verdict"),
    [
        (Owner.SALESFORCE, {}, Verdict.APPLY),
        (Owner.LOCAL, {}, Verdict.KEEP),
        (Owner.MANUAL, {}, Verdict.ASK),
        (Owner.NEWEST, {}, Verdict.APPLY),
        (Owner.NEWEST, {"ours_at": LATE}, Verdict.APPLY),
        (Owner.NEWEST, {"theirs_at": EARLY, "ours_at": LATE}, Verdict.KEEP),
        (Owner.NEWEST, {"ours_at": None}, Verdict.APPLY),
    ],
)
def test_the_owner_decides_when_both_changed(
    owner: Owner, changes: dict[str, Any], verdict: Verdict
) -> None:
    assert judge(facts(**changes), owner) is verdict


@pytest.fixture
def shared(connected: Salesforce, settings: LazySettings) -> Salesforce:
    """Let each attribute have an owner of its own."""
    owners = {"name": "newest", "email": "manual", "status": "local"}
    settings.SALESFORCE = settings.SALESFORCE | {"FIELD_OWNERS": owners}
    return connected


def local(sf_id: str, **values: str) -> UUID:
    user_id = SalesforceLink.objects.get(sf_id=sf_id).user_id
    for attribute, value in values.items():
        command = translate.change(user_id, attribute, value)
        services.execute(command, metadata())
    return user_id


def test_a_local_edit_survives_what_says_nothing_new(shared: Salesforce) -> None:
    identity = shared.org.seed(1)[0]
    run()
    local(identity, name="Ours", email="ours@example.com", status="suspended")
    shared.org.update(identity, MobilePhone="1")
    assert run(Mode.INCREMENTAL).counts["changed"] == 0
    run(Mode.RECONCILE)
    assert ours()[identity] == ("Ours", "ours@example.com", "suspended")
    assert SalesforceConflict.objects.count() == 0


def test_both_changed_everything(shared: Salesforce) -> None:
    identity = shared.org.seed(1)[0]
    before = shared.org.find(identity)[1]["Email"]
    run()
    local(identity, name="Ours", email="ours@example.com", status="suspended")
    shared.org.update(
        identity,
        FirstName="",
        LastName="Theirs",
        Email="theirs@example.com",
        Status__c="Active",
    )
    done = run(Mode.INCREMENTAL)
    # Their clock is an hour behind, so our name is the newest.
    assert ours()[identity] == ("Ours", "ours@example.com", "suspended")
    assert done.counts["conflicts"] == 2
    told = {
        each.payload.attribute: each.payload for each in log(SalesforceConflictOpened)
    }
    assert told.keys() == {"name", "email"}
    assert (told["email"].base, told["email"].ours, told["email"].theirs) == (
        before,
        "ours@example.com",
        "theirs@example.com",
    )
    assert run(Mode.RECONCILE).counts["conflicts"] == 0


def test_a_newer_version_brings_the_open_conflict_up_to_date(
    shared: Salesforce,
) -> None:
    identity = shared.org.seed(1)[0]
    run()
    local(identity, email="ours@example.com")
    for email in ("one@example.com", "two@example.com"):
        shared.org.update(identity, Email=email)
        run(Mode.INCREMENTAL)
    open_one = SalesforceConflict.objects.get()
    assert conflicts.opening(open_one).payload.theirs == "two@example.com"
    assert len(log(SalesforceConflictOpened)) == 2


@pytest.mark.parametrize(
    ("winner", "email"), [("ours", "ours@example.com"), ("theirs", "them@example.com")]
)
def test_a_human_says_who_is_right(shared: Salesforce, winner: str, email: str) -> None:
    identity = shared.org.seed(1)[0]
    run()
    local(identity, email="ours@example.com")
    shared.org.update(identity, Email="them@example.com")
    run(Mode.INCREMENTAL)
    number = SalesforceConflict.objects.get().pk
    with as_staff():
        conflicts.resolve(number, winner=winner, reason="asked her")
        with pytest.raises(ConflictError):
            conflicts.resolve(number, winner=winner, reason="again")
    assert ours()[identity][1] == email
    assert [each.payload.winner for each in log(SalesforceConflictResolved)] == [winner]
    assert run(Mode.RECONCILE).counts["changed"] == 0


def test_nobody_settles_what_they_have_not_seen(shared: Salesforce) -> None:
    identity = shared.org.seed(1)[0]
    run()
    local(identity, email="ours@example.com")
    shared.org.update(identity, Email="seen@example.com")
    run(Mode.INCREMENTAL)
    seen = SalesforceConflict.objects.get()
    shared.org.update(identity, Email="unseen@example.com")
    run(Mode.INCREMENTAL)
    with as_staff(), pytest.raises(ConflictError, match="changed meanwhile"):
        conflicts.resolve(
            seen.pk, winner="theirs", reason="asked her", version=seen.version
        )
    assert ours()[identity][1] == "ours@example.com"


def test_nobody_makes_ours_what_nobody_says_any_more(shared: Salesforce) -> None:
    identity = shared.org.seed(1)[0]
    run()
    local(identity, email="ours@example.com")
    shared.org.update(identity, Email="theirs@example.com")
    run(Mode.INCREMENTAL)
    SalesforceLink.objects.update(said={})
    number = SalesforceConflict.objects.get(resolved_at=None).pk
    with as_staff(), pytest.raises(ConflictError, match="no longer says so"):
        conflicts.resolve(number, winner="theirs", reason="asked her")
    with as_staff():
        conflicts.resolve(number, winner="ours", reason="they came round")
    assert ours()[identity][1] == "ours@example.com"


def test_nobody_settles_or_approves_without_saying_why(shared: Salesforce) -> None:
    del shared
    for empty in ("", " \n", "\u00a0"):
        with as_staff(), pytest.raises(InvalidValueError, match="Say why"):
            conflicts.resolve(1, winner="ours", reason=empty)
        with as_staff(), pytest.raises(InvalidValueError, match="Say why"):
            runs.approve(uuid4(), reason=empty)
    assert log(SalesforceConflictResolved) == []


def test_two_records_with_one_address_make_one_user(connected: Salesforce) -> None:
    first = connected.org.create(LastName="First", Email="same@example.com")
    second = connected.org.create(LastName="Second", Email="SAME@example.com")
    other = connected.org.create(LastName="Other", Email="other@example.com")
    done = run()
    assert (done.state, done.counts["conflicts"]) == ("succeeded", 1)
    assert ours().keys() == {first, other}
    assert SalesforceLink.objects.get(sf_id=second).state == "conflict"
    conflict = SalesforceConflict.objects.get()
    assert (conflict.sf_id, conflict.kind) == (second, "duplicate_email")
    connected.org.update(other, Email="same@example.com", LastName="Renamed")
    run(Mode.INCREMENTAL)
    assert ours()[other] == ("Renamed", "other@example.com", "active")
    with as_staff(), pytest.raises(ConflictError, match="correct it there"):
        conflicts.resolve(conflict.pk, winner="theirs", reason="asked her")
    assert len(users_changed()) == 3


def test_a_user_known_by_address_is_linked_not_doubled(shared: Salesforce) -> None:
    user_id = known_user(name="Ada King", email="ada@example.com")
    identity = shared.org.create(
        FirstName="Ada", LastName="Byron", Email="Ada@example.com"
    )
    done = run()
    assert done.counts["created"] == 0
    assert SalesforceLink.objects.get().user_id == user_id
    assert [each.payload.user for each in log(SalesforceRecordLinked)] == [
        f"user-{user_id}"
    ]
    assert ours()[identity][0] == "Ada King"  # it is the newest
    assert run(Mode.RECONCILE).counts["conflicts"] == 0


def test_two_records_of_one_address_are_matched_with_nobody(
    connected: Salesforce,
) -> None:
    known_user(email="ada@example.com")
    for name in ("One", "Two"):
        connected.org.create(LastName=name, Email="ada@example.com")
    assert run().counts["conflicts"] == 2
    assert log(SalesforceRecordLinked) == []


def test_matching_can_be_switched_off(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"MATCH_BY_EMAIL": False}
    known_user(email="ada@example.com")
    connected.org.create(LastName="One", Email="ada@example.com")
    assert run().counts["conflicts"] == 1


def test_a_status_that_may_not_follow_is_a_conflict(connected: Salesforce) -> None:
    identity = connected.org.seed(1)[0]
    run()
    connected.org.update(identity, Status__c="Gone")
    run(Mode.INCREMENTAL)
    connected.org.update(identity, Status__c="On hold", LastName="Still")
    assert run(Mode.INCREMENTAL).counts["conflicts"] == 1
    assert ours()[identity][2] == "deactivated"
    assert SalesforceConflict.objects.get().kind == "not_allowed"
    assert ours()[identity][0].endswith("Still")
