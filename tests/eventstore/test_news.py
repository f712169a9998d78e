from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import uuid4

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from eventstore import batching, checkpoints, pauses, store, tasks, waking
from eventstore.circumstances import acting
from eventstore.events import RecordedEvent
from eventstore.models import Checkpoint
from eventstore.subscriptions import Projection
from eventstore.waking import Lane
from tests.factories import known_user
from tests.rebuilds import erase
from users.aggregate import USER

heard: list[tuple[str, str]] = []


def hear(name: str) -> Projection:
    def apply(events: Sequence[RecordedEvent]) -> None:
        heard.extend((name, event.stream) for event in events)

    return Projection(name=name, apply=apply)


SUBSCRIPTIONS = (hear("one"), hear("other"))


@pytest.fixture(autouse=True)
def settled(committed_db: str, settings: Settings) -> Iterator[None]:
    """Let both begin and stand at one position."""
    del committed_db
    settings.EVENTSTORE_SUBSCRIPTIONS = f"{__name__}.SUBSCRIPTIONS"
    known_user()
    look()
    heard.clear()
    with acting(actor="staff:ada", source="admin", correlation_id=uuid4()):
        yield


def look() -> None:
    waking.look_after(Lane.READ_MODELS, print)


def stand(name: str) -> set[int]:
    return set(checkpoints.positions(name).values())


def test_who_stands_before_the_news_is_not_moved_past_what_it_has_not_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = [known_user() for _ in range(5)]
    with transaction.atomic():
        store_mark = store.watermark()
        Checkpoint.objects.filter(subscription="other").update(position=store_mark)
    last = known_user()
    monkeypatch.setattr(batching, "BATCH_SIZE", 2)  # "one" is not near
    look()
    streams = [USER.stream(each) for each in (*first, last)]
    assert sorted(s for name, s in heard if name == "one") == sorted(streams)
    assert [s for name, s in heard if name == "other"] == [USER.stream(last)]
    assert stand("one") == stand("other") == {store.watermark()}


def test_a_pause_that_comes_after_the_look_began_is_heard() -> None:
    after = store.watermark()
    known_user()
    mark = store.watermark()
    pauses.pause("one", reason="OPS-412")
    every = range(checkpoints.BUCKETS)
    with transaction.atomic():
        assert checkpoints.lease_those("one", mark, every, after=after) == {}
        checkpoints.advance_quiet("one", mark, [], after=after)
    assert stand("one") == {after}


def test_one_key_that_cannot_be_opened_stops_one_bucket_and_no_effects(
    superuser: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del superuser
    asked: list[None] = []
    monkeypatch.setattr(tasks.react, "apply_async", lambda **_: asked.append(None))
    users = [known_user() for _ in range(8)]
    stuck = str(users[3])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE vault.subject_key SET epoch = 99 WHERE subject LIKE %s",
            [f"%{stuck}"],
        )
        assert cursor.rowcount == 1
    tasks.wake()
    bucket = store.bucket_of(USER.stream(users[3]))
    sound = [each for each in users if store.bucket_of(USER.stream(each)) != bucket]
    assert {s for name, s in heard if name == "one"} >= set(map(USER.stream, sound))
    errors = Checkpoint.objects.filter(subscription="one").exclude(error="")
    assert [each.bucket for each in errors] == [bucket]
    assert errors[0].error.startswith("KeyRingError")
    assert asked == [None]


def test_who_is_erased_after_the_news_was_read_is_not_written_from_it() -> None:
    after = store.watermark()
    ada = known_user()
    news = batching.read_news(after=after, mark=store.watermark())
    assert news
    erase(ada)
    assert not batching.apply_news("one", SUBSCRIPTIONS[0].apply, news)
    assert heard == []
