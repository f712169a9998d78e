"""Conflicts that are over: closed by what Salesforce and we say, without a human."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from tests.factories import metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import log, ours, run, users_changed
from tests.users.salesforce.acting import as_staff
from users import services
from users.models import SalesforceConflict, SalesforceLink
from users.sources.salesforce import conflicts, translate
from users.sources.salesforce.events import (
    SalesforceConflictClosed,
    SalesforceConflictOpened,
)
from users.sources.salesforce.run_state import Mode

pytestmark = pytest.mark.django_db
OURS, THEIRS = "ours@example.com", "theirs@example.com"


def change(sf_id: str, attribute: str, value: str) -> None:
    user_id = SalesforceLink.objects.get(sf_id=sf_id).user_id
    command = translate.change(user_id, attribute, value)
    services.execute(command, metadata(), overrides=True)


def still_open() -> int:
    return SalesforceConflict.objects.filter(resolved_at=None).count()


@pytest.fixture
def disputed(connected: Salesforce, settings: LazySettings) -> str:
    """Let both sides change an address, and a human decide."""
    settings.SALESFORCE = settings.SALESFORCE | {"FIELD_OWNERS": {"email": "manual"}}
    identity = connected.org.seed(1)[0]
    run()
    change(identity, "email", OURS)
    connected.org.update(identity, Email=THEIRS)
    run(Mode.INCREMENTAL)
    assert still_open() == 1
    return identity


def test_salesforce_comes_round(connected: Salesforce, disputed: str) -> None:
    connected.org.update(disputed, Email="OURS@example.com")
    before = users_changed()
    run(Mode.INCREMENTAL)
    assert still_open() == 0
    (closed,) = log(SalesforceConflictClosed)
    assert (closed.payload.record, closed.payload.attribute) == (disputed, "email")
    assert closed.stream == conflicts.stream_of(disputed)
    assert users_changed() == before
    run(Mode.RECONCILE)
    assert len(log(SalesforceConflictClosed)) == 1


def test_we_come_round_and_the_row_there_is_the_same(disputed: str) -> None:
    run(Mode.RECONCILE)
    assert still_open() == 1
    change(disputed, "email", THEIRS)
    run(Mode.RECONCILE, dry_run=True)
    assert still_open() == 1
    run(Mode.RECONCILE)
    assert (still_open(), len(log(SalesforceConflictClosed))) == (0, 1)


def test_another_attribute_is_no_reason(connected: Salesforce, disputed: str) -> None:
    connected.org.update(disputed, LastName="Other")
    run(Mode.INCREMENTAL)
    assert (still_open(), log(SalesforceConflictClosed)) == (1, [])


@pytest.fixture
def doubled(connected: Salesforce) -> tuple[str, str]:
    """Let two records have one address: the second is without a user."""
    first = connected.org.create(LastName="First", Email="same@example.com")
    second = connected.org.create(LastName="Second", Email="same@example.com")
    run()
    assert ours().keys() == {first}
    return first, second


def test_an_address_that_is_free_again_makes_a_user(
    connected: Salesforce, doubled: tuple[str, str]
) -> None:
    first, second = doubled
    again = run(Mode.RECONCILE)
    assert (again.counts["conflicts"], len(log(SalesforceConflictOpened))) == (0, 1)
    connected.org.update(first, Email="other@example.com")
    done = run(Mode.RECONCILE)
    if second not in ours():  # the address was freed after its record was read
        done = run(Mode.RECONCILE)
    assert done.counts["created"] == 1
    assert ours()[second] == ("Second", "same@example.com", "active")
    assert SalesforceLink.objects.get(sf_id=second).state == "linked"
    assert (still_open(), len(log(SalesforceConflictClosed))) == (0, 1)
    assert run(Mode.RECONCILE).counts["changed"] == 0


def test_a_duplicate_that_is_deleted_makes_nobody_and_may_come_back(
    connected: Salesforce, doubled: tuple[str, str]
) -> None:
    first, second = doubled
    connected.org.update(first, Email="other@example.com")
    connected.org.delete(second)
    done = run(Mode.INCREMENTAL)
    assert (done.deactivated, still_open()) == (0, 0)
    assert second not in ours()
    connected.org.update(first, Email="same@example.com")
    connected.org.undelete(second)
    run(Mode.INCREMENTAL)
    assert (still_open(), len(log(SalesforceConflictOpened))) == (1, 2)


def test_a_refused_address_is_taken_once_it_is_free(
    connected: Salesforce, doubled: tuple[str, str]
) -> None:
    first, _ = doubled
    other = connected.org.create(LastName="Other", Email="third@example.com")
    run(Mode.INCREMENTAL)
    connected.org.update(other, Email="same@example.com")
    for _ in range(2):
        run(Mode.INCREMENTAL)
    assert (ours()[other][1], still_open()) == ("third@example.com", 2)
    assert len(log(SalesforceConflictOpened)) == 2
    change(first, "email", "free@example.com")
    run(Mode.RECONCILE)
    assert sorted(each[1] for each in ours().values()).count("same@example.com") == 1
    assert still_open() == 1


def test_what_a_human_refused_is_not_tried_again(connected: Salesforce) -> None:
    identity = connected.org.seed(1)[0]
    run()
    connected.org.update(identity, Status__c="Gone")
    run(Mode.INCREMENTAL)
    connected.org.update(identity, Status__c="On hold")
    run(Mode.INCREMENTAL)
    number = SalesforceConflict.objects.get(kind="not_allowed").pk
    with as_staff():
        conflicts.resolve(number, winner="ours", reason="she left")
    change(identity, "status", "active")
    run(Mode.RECONCILE)
    assert (ours()[identity][2], still_open()) == ("active", 0)


def test_the_very_same_row_is_news_under_another_rule_for_deletions(
    connected: Salesforce, settings: LazySettings
) -> None:
    identity = connected.org.seed(1)[0]
    run()
    settings.SALESFORCE = settings.SALESFORCE | {"ON_DELETE": "ignore"}
    connected.org.delete(identity)
    run(Mode.RECONCILE)
    run(Mode.RECONCILE)
    assert ours()[identity][2] == "active"
    settings.SALESFORCE = settings.SALESFORCE | {"ON_DELETE": "deactivate"}
    run(Mode.RECONCILE)
    assert ours()[identity][2] == "deactivated"
