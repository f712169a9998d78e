from __future__ import annotations

import pytest
from django.core.management import call_command

from config.demonstration import story
from eventstore import repository, store, subscriptions
from eventstore.models import Effect, StoredEvent
from projections.models import DirectoryEntry
from users.aggregate import USER

CONTACTS = 156
STORIES = 15


@pytest.mark.usefixtures("committed_db")
def test_tells_its_story_once_through_the_front_door() -> None:
    call_command("load_demonstration")
    call_command("load_demonstration")
    for subscription in subscriptions.all_subscriptions():
        subscriptions.catch_up(subscription)

    assert StoredEvent.objects.count() == CONTACTS + STORIES
    assert StoredEvent.objects.filter(source="salesforce").count() == CONTACTS
    assert DirectoryEntry.objects.filter(source="salesforce").count() == CONTACTS
    assert Effect.objects.count() == 3  # the people who came through the portal


@pytest.mark.usefixtures("committed_db")
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
