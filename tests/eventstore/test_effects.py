from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from eventstore import effects, store
from eventstore.events import RecordedEvent
from eventstore.models import Effect
from tests.factories import appended

pytestmark = pytest.mark.usefixtures("committed_db")


def owe(*streams: str) -> None:
    for stream in streams:
        appended(stream)
        effects.note("tests", store.read_stream(stream))


def fail(event: RecordedEvent, key: str) -> None:
    del key
    message = f"550 {event.data['email']} unknown"
    raise ConnectionError(message)


def make_due() -> None:
    Effect.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_performs_each_effect_once_oldest_first() -> None:
    owe("user-1", "user-2")
    performed: list[str] = []
    for _ in range(2):
        effects.perform_due("tests", lambda event, _key: performed.append(event.stream))
    assert performed == ["user-1", "user-2"]
    assert set(Effect.objects.values_list("state", "attempts")) == {("done", 1)}


def test_notes_an_event_once_however_often_it_is_read() -> None:
    owe("user-1")
    effects.note("tests", store.read_stream("user-1"))
    assert Effect.objects.count() == 1


def test_a_failed_effect_waits_ever_longer_and_is_given_up_after_two_days() -> None:
    owe("user-1")
    waits = []
    for _ in range(len(effects.RETRY_SECONDS) + 1):
        before = timezone.now()
        assert effects.perform_due("tests", fail)
        effect = Effect.objects.get()
        waits.append(round((effect.next_attempt_at - before).total_seconds(), -1))
        make_due()
    assert tuple(waits[:-1]) == effects.RETRY_SECONDS
    assert sum(effects.RETRY_SECONDS) == pytest.approx(2 * 86_400, rel=0.01)
    effect = Effect.objects.get()
    assert (effect.state, effect.attempts) == ("failed", 11)
    assert effect.error == "ConnectionError"
    assert effects.owed() == effects.Owed(pending=0, failed=1)


def test_an_effect_that_failed_is_not_tried_before_its_time() -> None:
    owe("user-1")
    effects.perform_due("tests", fail)
    performed: list[str] = []
    effects.perform_due("tests", lambda event, _key: performed.append(event.stream))
    assert performed == []
    make_due()
    effects.perform_due("tests", lambda event, _key: performed.append(event.stream))
    assert performed == ["user-1"]


def test_what_a_failed_effect_wrote_is_undone() -> None:
    owe("user-1")

    def write_and_fail(event: RecordedEvent, key: str) -> None:
        appended("user-2")
        fail(event, key)

    effects.perform_due("tests", write_and_fail)
    assert store.read_stream("user-2") == []
    assert Effect.objects.get().attempts == 1


def test_while_one_performs_another_returns_at_once() -> None:
    owe("user-1", "user-2")
    inside, leave = threading.Event(), threading.Event()
    performed: list[str] = []

    def linger(event: RecordedEvent, _key: str) -> None:
        performed.append(event.stream)
        inside.set()
        leave.wait()

    def work() -> None:
        effects.perform_due("tests", linger)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    second = effects.perform_due(
        "tests", lambda event, _key: performed.append(f"{event.stream} twice")
    )
    leave.set()
    thread.join()
    assert second
    assert performed == ["user-1", "user-2"]


def test_a_killed_performer_leaves_the_effect_pending() -> None:
    owe("user-1")

    def die(event: RecordedEvent, key: str) -> None:
        del event, key
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE none")
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Exception, match=r"terminat|closed"):
        effects.perform_due("tests", die)
    connection.close()
    effect = Effect.objects.get()
    assert (effect.state, effect.attempts) == ("pending", 0)


def test_one_whose_key_cannot_be_opened_holds_up_nobody_else(superuser: None) -> None:
    del superuser
    owe("user-1", "user-2")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE vault.subject_key SET epoch = 99 WHERE subject = 'user-1'"
        )
    performed: list[str] = []
    effects.perform_due("tests", lambda event, _key: performed.append(event.stream))
    assert performed == ["user-2"]
    stuck = Effect.objects.get(stream="user-1")
    assert (stuck.state, stuck.attempts) == ("pending", 1)
    assert stuck.error == "KeyRingError"
