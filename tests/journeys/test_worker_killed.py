from __future__ import annotations

import random
import threading
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from eventstore import store, subscriptions
from eventstore.models import Effect, StoredEvent
from projections import directory
from projections.models import DirectoryEntry
from tests.factories import known_user, metadata, renamed, user_created
from tests.journeys.cast import Cast
from tests.processes import wait_until
from tests.receivers import receiver
from users.aggregate import USER

USERS = 500
EVENTS_EACH = 20
KILLS = 3


def behind() -> int:
    return subscriptions.progress(subscriptions.find("directory")).behind


def ten_thousand_events() -> list[UUID]:
    users = [uuid4() for _ in range(USERS)]
    with transaction.atomic():
        for user_id in users:
            email = f"{user_id}@example.com"
            changes = [renamed(new=f"Name {n}") for n in range(EVENTS_EACH - 1)]
            store.append(
                USER.stream(user_id),
                [user_created(email=email), *changes],
                expected_version=0,
                metadata=metadata(source="salesforce"),
            )
    return users


def columns(row: DirectoryEntry | None) -> list[object]:
    return [getattr(row, field) for field in directory.FIELDS]


@pytest.mark.parametrize("seed", [1])
def test_a_worker_killed_in_the_middle_leaves_the_read_model_the_fold_of_the_log(
    cast: Cast, seed: int
) -> None:
    users = ten_thousand_events()
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    cast.start_broker()
    cast.start_beat()
    left = behind()
    assert left == USERS * EVENTS_EACH
    for _ in range(KILLS):
        cast.start_worker()
        target = left - chance.randint(500, 2_500)
        wait_until(lambda target=target: behind() <= target)  # type: ignore[misc]
        cast.kill("worker")
        left = behind()
        assert 0 < left < USERS * EVENTS_EACH
    cast.start_worker()
    wait_until(lambda: behind() == 0)

    rows = DirectoryEntry.objects.in_bulk(users)
    assert len(rows) == DirectoryEntry.objects.count() == USERS
    assert StoredEvent.objects.count() == USERS * EVENTS_EACH
    for user_id in users:
        derived = directory.fold(store.read_stream(USER.stream(user_id)))
        assert columns(rows[user_id]) == columns(derived)


def test_a_worker_whose_database_connections_are_cut_goes_on(cast: Cast) -> None:
    cast.start_broker()
    cast.start_worker()
    cast.start_beat()
    known_user()
    wait_until(lambda: behind() == 0)
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        known_user()
        wait_until(lambda: behind() == 0)
    assert DirectoryEntry.objects.count() == 3
    assert cast.is_running("worker")


def test_a_worker_killed_between_sending_and_recording_sends_once_more_under_one_key(
    cast: Cast,
) -> None:
    with receiver() as analytics:
        cast.settings = {
            "ANALYTICS_URL": analytics.url,
            "WEBHOOK_ALLOW_HTTP": "true",
            "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        }

        def kill_the_first() -> None:
            if len(analytics.received) == 1:
                cast.kill("worker")

        analytics.before_answer = kill_the_first
        cast.start_broker()
        cast.start_worker()
        cast.start_beat()
        known_user()
        wait_until(lambda: analytics.received and not cast.has("worker"))
        effect = Effect.objects.get(reactor="analytics")
        assert (effect.state, effect.attempts) == ("pending", 0)
        cast.start_worker()
        wait_until(lambda: Effect.objects.filter(reactor="analytics", state="done"))
        known_user()
        done = Effect.objects.filter(reactor="analytics", state="done")
        wait_until(lambda: done.count() == 2)

    keys = [each.headers["idempotency-key"] for each in analytics.received]
    assert len(keys) == 3
    assert keys[0] == keys[1] == str(effect.event_id)
    assert keys[2] != keys[0]
    assert list(done.values_list("attempts", flat=True)) == [1, 1]


def test_a_system_that_does_not_answer_holds_up_its_own_queue_alone(cast: Cast) -> None:
    is_heard, may_go_on = threading.Event(), threading.Event()
    with receiver() as analytics:
        cast.settings = {
            "ANALYTICS_URL": analytics.url,
            "WEBHOOK_ALLOW_HTTP": "true",
            "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        }

        def hang() -> None:
            is_heard.set()
            may_go_on.wait(30)

        analytics.before_answer = hang
        cast.start_broker()
        cast.start_worker(threads=1, queues="celery")
        cast.start_worker("outside", threads=1, queues="outside")
        known_user()
        cast.send("eventstore.wake")
        assert is_heard.wait(30)
        other = known_user()
        cast.send("eventstore.wake")
        wait_until(lambda: DirectoryEntry.objects.filter(user_id=other))
        assert not Effect.objects.filter(reactor="analytics", state="done").exists()
        may_go_on.set()
        wait_until(lambda: Effect.objects.filter(reactor="analytics", state="done"))
