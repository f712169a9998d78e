from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from config.demonstration import story
from eventstore import repository, store, subscriptions
from eventstore.models import Effect, StoredEvent
from projections.models import DirectoryEntry
from users import claims
from users.aggregate import USER

CONTACTS = 156
STORIES = 16

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")


def test_tells_its_story_once_and_welcomes_only_who_is_new() -> None:
    call_command("load_demonstration")
    call_command("load_demonstration")
    for subscription in subscriptions.all_subscriptions():
        subscriptions.catch_up(subscription)

    assert StoredEvent.objects.count() == CONTACTS + STORIES
    assert StoredEvent.objects.filter(source="salesforce").count() == CONTACTS
    assert DirectoryEntry.objects.filter(source="salesforce").count() == CONTACTS
    welcomed = Effect.objects.filter(reactor="welcome_email")
    assert [each.stream for each in welcomed] == [USER.stream(story.MARY)]
    assert claims.rebuild(dry_run=True).agrees


def test_the_history_is_of_the_past_month_and_leaves_yesterday_to_ask_about() -> None:
    now = datetime(2026, 3, 1, 0, 5, tzinfo=UTC)
    assert story.tell(now) == CONTACTS + STORIES
    told = [each.recorded_at for each in store.read_stream(USER.stream(story.ADA))]
    assert told[0] == datetime(2026, 2, 2, 9, 12, tzinfo=UTC)
    assert told[-1] == datetime(2026, 2, 28, 15, 20, tzinfo=UTC)
    past = StoredEvent.objects.order_by("position").values_list(
        "recorded_at", flat=True
    )
    assert list(past) == sorted(past)


def test_ada_has_a_history_that_is_worth_asking_about() -> None:
    call_command("load_demonstration")
    events = store.read_stream(USER.stream(story.ADA))
    assert [(event.type, event.actor) for event in events] == [
        ("UserCreated", "client:crm-portal"),
        ("UserNameChanged", "staff:m.jones"),
        ("UserEmailChanged", "client:crm-portal"),
        ("UserStatusChanged", "staff:m.jones"),
        ("UserStatusChanged", "staff:m.jones"),
        ("UserNameChanged", "staff:m.jones"),
        ("UserEmailChanged", "client:crm-portal"),
    ]
    ada = repository.load(USER, story.ADA, version=4).state
    assert ada is not None
    assert (ada.name, ada.status) == ("Ada King", "suspended")
