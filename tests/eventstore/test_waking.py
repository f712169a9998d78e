from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import partial
from uuid import uuid4

import pytest
from django.core import mail
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from eventstore import (
    batching,
    checkpoints,
    effects,
    pauses,
    store,
    subscriptions,
    tasks,
    turns,
    waking,
)
from eventstore.circumstances import acting
from eventstore.events import RecordedEvent
from eventstore.models import Checkpoint, Effect, Heartbeat
from eventstore.subscriptions import Projection
from eventstore.tasks import catch_up
from eventstore.waking import Lane
from projections.models import DirectoryEntry, UserPeriod
from tests.factories import ADA, known_user
from users.aggregate import USER
from users.reactors import WELCOME_EMAIL

pytestmark = pytest.mark.usefixtures("committed_db")

heard: list[str] = []
backend: list[int] = []  # to be ended while its batch is applied


def hear(events: Sequence[RecordedEvent]) -> None:
    heard.extend(event.stream for event in events)


def get_into_trouble(_events: Sequence[RecordedEvent]) -> None:
    if backend:
        killer = threading.Thread(target=_terminate, args=backend)
        killer.start()
        killer.join()
        store.watermark()  # on the connection that is lost now
    message = "no answer"
    raise ConnectionError(message)


def _terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE none")
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    connection.close()


BROKEN = Projection(name="broken", apply=get_into_trouble)
SUBSCRIPTIONS = (BROKEN, Projection(name="overheard", apply=hear))


@pytest.fixture
def two(settings: Settings) -> None:
    heard.clear()
    backend.clear()
    settings.EVENTSTORE_SUBSCRIPTIONS = f"{__name__}.SUBSCRIPTIONS"


def woken() -> list[str]:
    asked: list[str] = []
    for lane in Lane:
        waking.look_after(lane, asked.append)
    return asked


def positions() -> set[int]:
    return set(Checkpoint.objects.values_list("position", flat=True))


def test_everything_behind_is_brought_up_and_effects_are_left_to_others() -> None:
    known_user(email="ada@example.com")
    assert woken() == ["welcome_email"]
    assert DirectoryEntry.objects.count() == UserPeriod.objects.count() == 1
    assert len(positions()) == 1
    assert mail.outbox == []


def test_nothing_to_do_is_told_by_a_few_queries() -> None:
    known_user()
    for name in woken():
        catch_up(name)
    with CaptureQueriesContext(connection) as asked:
        assert woken() == []
    told = [each["sql"] for each in asked]
    told = [each for each in told if each not in ("BEGIN", "COMMIT")]
    # Of each lane six; two reactors, webhooks, records that came in.
    assert len(told) == 16, told


@pytest.mark.usefixtures("two")
def test_a_few_events_are_read_once_for_all_who_are_nearly_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    overheard, also = (Projection(name=name, apply=hear) for name in ("one", "other"))
    monkeypatch.setattr(f"{__name__}.SUBSCRIPTIONS", (overheard, also))
    settled()
    users = [known_user() for _ in range(5)]
    with CaptureQueriesContext(connection) as asked:
        assert woken() == []
    reads = [each for each in asked if each["sql"].startswith("-- Reads the log")]
    assert len(reads) == 1
    assert heard == [USER.stream(each) for each in users] * 2
    stand = checkpoints.positions("one") | checkpoints.positions("other")
    assert set(stand.values()) == {store.watermark()}


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(("seconds", "applied"), [(60, 20), (0, 1)])
def test_what_is_recorded_during_a_look_waits_for_no_ring_but_for_the_next_turn(
    monkeypatch: pytest.MonkeyPatch, seconds: float, applied: int
) -> None:
    settled()

    def hear_and_record(events: Sequence[RecordedEvent]) -> None:
        hear(events)
        if len(heard) < 20:
            known_user()

    overheard = Projection(name="overheard", apply=hear_and_record)
    monkeypatch.setattr(f"{__name__}.SUBSCRIPTIONS", (overheard,))
    known_user()
    waking.look_after(Lane.READ_MODELS, print, seconds=seconds)
    assert len(heard) == applied


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("held_bucket", range(2))
def test_buckets_that_another_holds_are_left_to_it_and_nothing_is_passed_by(
    held_bucket: int,
) -> None:
    settled()
    begin = store.watermark()
    known_user(ADA)
    bucket = (store.bucket_of(USER.stream(ADA)) + held_bucket) % checkpoints.BUCKETS
    with transaction.atomic():
        held = Checkpoint.objects.select_for_update()
        held.get(subscription="overheard", bucket=bucket)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    stand = checkpoints.positions("overheard")
    assert stand.pop(bucket) == begin
    assert set(stand.values()) == {store.watermark()}
    assert len(heard) == held_bucket  # ADA's own was held, or her neighbour
    look()
    assert set(checkpoints.positions("overheard").values()) == {store.watermark()}
    assert heard == [USER.stream(ADA)]


@pytest.mark.usefixtures("two")
def test_what_stands_before_the_news_or_failed_is_not_moved_on_with_the_quiet() -> None:
    settled()
    mark = store.watermark()
    mine = Checkpoint.objects.filter(subscription="overheard")
    mine.filter(bucket=3).update(position=mark - 1)
    mine.filter(bucket=4).update(failed_at=Now())
    checkpoints.advance_quiet("overheard", mark + 9, [5], after=mark)
    moved = mine.filter(position=mark + 9).values_list("bucket", flat=True)
    assert set(moved) == set(range(checkpoints.BUCKETS)) - {3, 4, 5}
    with transaction.atomic():
        those = checkpoints.lease_those("overheard", mark + 9, [3, 4, 5], after=mark)
    assert those == {5: mark}


def settled() -> None:
    """Let everybody begin and stand at one position."""
    known_user()
    look()
    heard.clear()


def look() -> None:
    waking.look_after(Lane.READ_MODELS, print)
    connection.close()


def test_a_look_stops_nobody_who_performs() -> None:
    known_user(email="ada@example.com")
    woken()
    with transaction.atomic():
        waking.look_after(Lane.EFFECTS, lambda _name: None)
        thread = threading.Thread(target=perform_all)
        thread.start()
        thread.join()
    assert Effect.objects.get(reactor="welcome_email").state == "done"


def perform_all() -> None:
    effects.perform_due(WELCOME_EMAIL.name, lambda _event, _key: None)
    connection.close()


@pytest.mark.usefixtures("two")
def test_whoever_fails_holds_up_nobody() -> None:
    known_user()
    assert woken() == []
    assert len(heard) == 1
    assert checkpoints.reached()["broken"].error.startswith("ConnectionError")


@pytest.mark.usefixtures("two")
def test_what_cannot_even_begin_is_told_when_the_others_are_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known_user()
    begin = subscriptions.begin  # what no handler is to blame for

    def refuse(subscription: subscriptions.Subscription) -> None:
        if subscription is BROKEN:
            raise ValueError(os.strerror(5))
        begin(subscription)

    monkeypatch.setattr(subscriptions, "begin", refuse)
    with pytest.raises(ExceptionGroup) as caught:
        woken()
    assert [type(each) for each in caught.value.exceptions] == [ValueError]
    assert len(heard) == 1


@pytest.mark.usefixtures("two")
def test_a_lost_connection_is_raised_at_once() -> None:
    known_user()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend.append(cursor.fetchone()[0])
    with pytest.raises(OperationalError):
        woken()
    connection.close()
    assert heard == []


def test_who_is_paused_is_left_alone_and_seen() -> None:
    known_user(email="ada@example.com")
    with acting(actor="staff:olga", source="admin", correlation_id=uuid4()):
        pauses.pause("directory", reason="OPS-412")
        pauses.pause("welcome_email", reason="OPS-412")
    assert woken() == []
    assert DirectoryEntry.objects.count() == 0
    beaten = set(Heartbeat.objects.values_list("subscription", flat=True))
    assert beaten >= {"directory", "welcome_email", "intake"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which tasks are sent, and send none."""
    names: list[str] = []
    for task in (tasks.react, tasks.catch_up):
        monkeypatch.setattr(task, "apply_async", partial(_note, names, task.name))
    return names


def _note(
    names: list[str],
    task: str,
    given: tuple[str, ...] = (),
    *,
    queue: str = "",
    expires: int,
) -> None:
    assert expires == tasks.EXPIRES_SECONDS
    names.append(" ".join(filter(None, [task, *given, queue])))


def test_a_wake_has_the_effects_looked_after(sent: list[str]) -> None:
    known_user(email="ada@example.com")
    tasks.wake()
    assert DirectoryEntry.objects.count() == 1
    assert sent == ["eventstore.react"]
    tasks.react()
    assert sent[1:] == ["eventstore.catch_up welcome_email outside"]
    assert turns.take(Lane.READ_MODELS)
    tasks.wake()
    assert len(sent) == 2


@pytest.mark.usefixtures("two")
def test_a_read_model_in_trouble_stops_no_effect(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known_user()
    Heartbeat.objects.all().delete()
    monkeypatch.setattr(subscriptions, "begin", _refuse)
    with pytest.raises(ExceptionGroup):
        tasks.wake()
    assert sent == ["eventstore.react"]
    assert not Heartbeat.objects.exists()  # it shows as stalled


def _refuse(_subscription: object) -> None:
    raise ValueError(os.strerror(5))


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("seconds", [0, 60])
def test_what_takes_longer_than_a_moment_runs_apart(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(waking, "BRIEF_SECONDS", seconds)
    monkeypatch.setattr(batching, "BATCH_SIZE", 2)
    for each in SUBSCRIPTIONS:
        subscriptions.catch_up(each)  # so that it has begun
    for _ in range(5):
        known_user()
    assert woken() == ([] if seconds else ["broken", "overheard"])
    # Without a moment one batch of two, of what lies in half of the buckets.
    assert len(heard) == 5 if seconds else len(heard) <= 2


@pytest.mark.usefixtures("two")
def test_whoever_has_trouble_goes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in SUBSCRIPTIONS:
        subscriptions.catch_up(each)
    known_user()
    ways: list[str] = []
    long_way = subscriptions.catch_up

    def noted(each: subscriptions.Subscription, *, seconds: float) -> bool:
        ways.append(each.name)
        return long_way(each, seconds=seconds)

    monkeypatch.setattr(subscriptions, "catch_up", noted)
    woken()
    assert (ways, len(heard)) == (["broken"], 1)
    known_user()
    Checkpoint.objects.filter(subscription="overheard").update(
        error="DiskFull at x.py:1"
    )
    woken()
    assert (ways[1:], len(heard)) == (["broken", "overheard"], 2)
