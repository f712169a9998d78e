"""The counts of the side bar."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from config import troubles
from eventstore import subscriptions
from eventstore.models import Checkpoint, DeadLetter, Pause
from tests.backoffice import regions, staff, superuser, text
from tests.factories import ADA, dead_letter, held_run, known_user

pytestmark = pytest.mark.django_db
INDEX = "/admin/"
AT = "2026-11-06T12:00Z"


def stop_some() -> None:
    """Pause one, have another fail in two buckets, and one that is both."""
    for name in ("analytics", "directory", "of-another-version"):
        Pause.objects.create(subscription=name, actor="staff:root", paused_at=AT)
    wrong = [("directory", 0), ("streams", 0), ("streams", 1), ("of-old", 0)]
    for name, bucket in wrong:
        Checkpoint.objects.update_or_create(
            subscription=name,
            bucket=bucket,
            defaults={"position": 0, "moved_at": AT, "error": "KeyError"},
        )


def test_counts_each_subscription_once_and_only_those_there_are(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    stop_some()
    letter = dead_letter()
    held_run(uuid4(), known_user(ADA))
    subscriptions.all_subscriptions()
    with django_assert_num_queries(1):
        found = troubles.counted()
    assert found == troubles.Troubles(
        stuck=3, letters=1, oldest=letter.first_failed_at, runs=1
    )
    DeadLetter.objects.update(closed_at=AT)
    assert troubles.counted().oldest is None


def test_says_each_count_in_words_to_those_who_may_see_it() -> None:
    stop_some()
    dead_letter()
    troubles.counted()
    said = text(superuser().get(INDEX), "sidebar") or ""
    assert (
        "Subscriptions 3 (3 paused or failing) Dead letters 1 (1 dead letter)" in said
    )
    said = text(staff("eventstore.view_deadletter").get(INDEX), "sidebar") or ""
    assert said == "Monitor Dashboard Dead letters 1 (1 dead letter)"
    assert regions(staff().get(INDEX), "sidebar") == ["Monitor Dashboard"]


def test_asks_again_when_what_it_knows_is_old(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    troubles.keep(troubles.Troubles(letters=7), seconds=0)
    with django_assert_num_queries(1):
        assert troubles.known().letters == 0
        assert troubles.known().letters == 0


def test_a_database_that_answers_nothing_leaves_what_was_known() -> None:
    troubles.keep(troubles.Troubles(letters=7), seconds=0)
    with transaction.atomic():
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert troubles.known().letters == 7
        transaction.set_rollback(True)
