"""Hints of Salesforce: a record is read again, whatever the message says of it."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from eventstore.intake.models import RawRecord, RecordMapping
from tests.backoffice import superuser, text
from tests.factories import known_user, metadata
from tests.intake import let_time_pass, work
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, ours, run, truth, users_changed
from tests.salesforce.outbound import LOGIN, SOURCE, deliver, message, notification
from tests.users.salesforce.acting import as_staff
from tests.users.salesforce.hinting import became, hinted, hinting, tell
from users import services
from users.aggregate import USER
from users.commands import EraseUser
from users.models import SalesforceHint, SalesforceLink, SalesforceRun
from users.sources.salesforce import hints, links, runs, schedule, translate
from users.sources.salesforce.checks import check_messages
from users.sources.salesforce.events import SalesforceRunStarted
from users.sources.salesforce.run_state import Mode
from users.values import ErasureGround

__all__ = ["hinting"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hinting")]


def erase(stream: str) -> None:
    command = EraseUser(
        user_id=stream.removeprefix("user-"),  # type: ignore[arg-type]
        ground=ErasureGround.REQUEST,
    )
    services.execute(command, metadata())


def test_a_message_leads_to_a_run_over_its_records(connected: Salesforce) -> None:
    ids = connected.org.seed(5)
    run()
    for identity in ids[:2]:
        connected.org.update(identity, LastName="Lovelace")
    tell(ids[0], ids[1], ids[0])
    assert (became(), hinted()) == (["applied"] * 3, sorted(ids[:2]))
    started = hints.start_run()
    assert started
    assert finish(started).counts["read"] == 2
    assert (ours(), hinted()) == (truth(connected), [])
    event = log(SalesforceRunStarted)[-1]
    assert (event.actor, event.source) == ("integration:salesforce", "salesforce")
    assert (event.payload.mode, event.payload.ids) == ("record", sorted(ids[:2]))


def test_the_page_says_what_proved_a_message_to_be_the_org_s(
    connected: Salesforce,
) -> None:
    tell(*connected.org.seed(1))
    found = RecordMapping.objects.get()
    page = superuser().get(f"/admin/eventstore/rawrecord/{found.record_id}/")
    assert text(page, "verdict") == (
        "the name and password it came with (HTTP Basic), and the org that it names"
    )


def test_messages_that_come_shuffled_and_doubled_lead_to_the_truth(
    connected: Salesforce,
) -> None:
    ids = connected.org.seed(12)
    run()
    for number, identity in enumerate(ids):
        connected.org.update(identity, LastName=f"Newest {number}")
    told = [(7 * n + again, each) for n, each in enumerate(ids) for again in (0, 0, 1)]
    random.Random(5).shuffle(told)  # noqa: S311 - not for secrets
    for number, identity in told:
        tell(identity, first=number)
    assert (became(), hinted()) == (["applied"] * 24, sorted(ids))
    before = len(users_changed())
    started = hints.start_run()
    assert started
    assert finish(started).counts["changed"] == 12
    assert (ours(), len(users_changed()) - before) == (truth(connected), 12)
    assert hints.start_run() is None


def test_what_the_message_says_of_a_person_is_not_believed(
    connected: Salesforce,
) -> None:
    (identity,) = connected.org.seed(1)
    run()
    deliver(message(notification(1, identity, email="forged@example.com")))
    work()
    assert ours() == truth(connected)
    started = hints.start_run()
    assert started
    assert finish(started).counts["changed"] == 0
    assert ours() == truth(connected)


def test_hints_wait_while_another_run_is_under_way(connected: Salesforce) -> None:
    ids = connected.org.seed(3)
    with as_staff():
        other = runs.start(Mode.FULL)
    tell(ids[0])
    assert hints.start_run() is None
    assert hinted() == [ids[0]]
    assert schedule.standing().hinted == 1
    assert text(superuser().get("/admin/users/salesforcerun/"), "hinted") == "1"
    finish(other)
    started = hints.start_run()
    assert started
    assert (started.mode, hinted()) == (Mode.RECORD, [])


def test_hints_are_gathered_for_a_while(
    connected: Salesforce, settings: LazySettings
) -> None:
    ids = connected.org.seed(3)
    tell(ids[0])
    first = hints.start_run()
    assert first
    finish(first)
    tell(*ids, first=5)
    assert hints.start_run() is None
    earlier = timezone.now() - timedelta(seconds=settings.SALESFORCE["HINT_SECONDS"])
    SalesforceRun.objects.update(due_at=earlier)
    second = hints.start_run()
    assert second
    assert finish(second).counts["read"] == 3


def test_so_many_records_a_run_and_the_others_in_the_next(
    connected: Salesforce, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"HINT_SECONDS": 0}
    monkeypatch.setattr(runs, "MOST_IDS", 2)
    ids = connected.org.seed(3)
    tell(*ids)
    for read in (2, 1):
        started = hints.start_run()
        assert started
        assert finish(started).counts["read"] == read
    assert hints.start_run() is None


@pytest.mark.parametrize("changes", [{"ENABLED": False}, {"LOGIN_URL": ""}])
def test_without_a_salesforce_hints_wait(
    connected: Salesforce, settings: LazySettings, changes: dict[str, object]
) -> None:
    (identity,) = connected.org.seed(1)
    tell(identity)
    settings.SALESFORCE = settings.SALESFORCE | changes
    assert hints.start_run() is None
    assert hinted() == [identity]


def test_other_objects_and_ids_that_are_none() -> None:
    told = notification(1, "003000000000001AAA").replace("sf:Contact", "sf:Account")
    deliver(message(told, notification(2, "003000000000001BBB")))
    deliver(message(notification(3, "003000000000001")))
    work()
    assert became() == ["ignored", "quarantined", "applied"]
    assert RecordMapping.objects.get(state="quarantined").error == "bad_id"
    assert hinted() == ["003000000000001AAA"]


def test_who_was_erased_is_not_asked_about_and_the_message_goes(
    connected: Salesforce,
) -> None:
    (identity,) = connected.org.seed(1)
    run()
    tell(identity)
    stream = USER.stream(SalesforceLink.objects.get().user_id)
    erase(stream)
    SalesforceHint.objects.all().delete()
    tell(identity, first=2)
    assert became() == ["applied", "erased"]
    outbound = RawRecord.objects.filter(kind="outbound")
    assert [each.body for each in outbound] == [None, None]
    assert hinted() == []


def test_who_was_known_before_takes_the_messages_along(connected: Salesforce) -> None:
    user_id = known_user(email="ada@example.com")
    identity = connected.org.create(LastName="Byron", Email="ada@example.com")
    tell(identity)
    alone = USER.stream(translate.user_id_of(identity))
    outbound = RecordMapping.objects.filter(mapper="salesforce_hints")
    assert outbound.get().subject == alone
    started = hints.start_run()
    assert started
    finish(started)
    assert SalesforceLink.objects.get().user_id == user_id
    assert outbound.get().subject == USER.stream(user_id)
    erase(USER.stream(user_id))
    assert not RawRecord.objects.filter(body__isnull=False).exists()


def test_a_message_read_while_its_record_is_linked_is_read_again(
    connected: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id = known_user(email="ada@example.com")
    identity = connected.org.create(LastName="Byron", Email="ada@example.com")
    rely = links.rely

    def link_first() -> None:
        monkeypatch.setattr(links, "rely", rely)
        run(Mode.RECORD, ids=[identity])
        rely()

    monkeypatch.setattr(links, "rely", link_first)
    tell(identity)
    outbound = RecordMapping.objects.filter(mapper="salesforce_hints")
    assert outbound.get().state == "failing"
    # What the other did was rolled back with the failure; here it is again.
    run(Mode.RECORD, ids=[identity])
    let_time_pass()
    work()
    assert outbound.get().subject == USER.stream(user_id)
    assert hinted() == [identity]


def test_messages_that_would_lead_to_nothing_are_refused(
    settings: LazySettings,
) -> None:
    assert check_messages() == []
    settings.SALESFORCE = settings.SALESFORCE | {"ENABLED": False}
    assert [each.id for each in check_messages()] == ["salesforce.unread"]
    settings.INGEST_SOURCES = {"sf": SOURCE["sf"] | {"mapper": "people"}}
    (wrong, _unread) = check_messages()
    assert (wrong.id, wrong.hint) == (
        "salesforce.messages",
        'Give it the mapper "salesforce_hints".',
    )
    settings.INGEST_SOURCES = {"sf": SOURCE["sf"] | {"enabled": False}}
    assert check_messages() == []
    settings.INGEST_SOURCES = {"sf": {"style": "odd"}}
    assert check_messages() == []
    assert LOGIN not in str([wrong])
