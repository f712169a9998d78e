from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from uuid import uuid4

import pytest
from django.core import mail
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from eventstore import (
    checkpoints,
    effects,
    heartbeats,
    pauses,
    store,
    subscriptions,
    waking,
)
from eventstore.circumstances import acting
from eventstore.events import RecordedEvent
from eventstore.models import Checkpoint, Effect
from eventstore.subscriptions import Projection
from eventstore.tasks import catch_up
from projections.models import DirectoryEntry, UserPeriod
from tests.factories import known_user
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
SUBSCRIPTIONS = (BROKEN, Projection(name="heard", apply=hear))


@pytest.fixture
def two(settings: Settings) -> None:
    heard.clear()
    backend.clear()
    settings.EVENTSTORE_SUBSCRIPTIONS = f"{__name__}.SUBSCRIPTIONS"


def positions() -> set[int]:
    return set(Checkpoint.objects.values_list("position", flat=True))


def test_everything_behind_is_brought_up_and_effects_are_left_to_others() -> None:
    known_user(email="ada@example.com")
    assert waking.look_after_all() == ["welcome_email"]
    assert DirectoryEntry.objects.count() == UserPeriod.objects.count() == 1
    assert len(positions()) == 1
    assert mail.outbox == []


def test_nothing_to_do_is_told_by_a_few_queries() -> None:
    known_user()
    for name in waking.look_after_all():
        catch_up(name)
    with CaptureQueriesContext(connection) as asked:
        assert waking.look_after_all() == []
    told = [each["sql"] for each in asked if "SAVEPOINT" not in each["sql"]]
    told = [each for each in told if each not in ("BEGIN", "COMMIT")]
    # The four, two reactors, deliveries of webhooks, records that came in.
    assert len(told) == 8, told


def test_an_effect_that_somebody_performs_needs_nobody_else() -> None:
    known_user(email="ada@example.com")
    assert "welcome_email" in waking.look_after_all()
    is_locked, is_seen = threading.Event(), threading.Event()

    def linger(_event: RecordedEvent, _key: str) -> None:
        is_locked.set()
        assert is_seen.wait(10)

    def work() -> None:
        try:
            effects.perform_due(WELCOME_EMAIL.name, linger)
        finally:
            connection.close()

    other = threading.Thread(target=work)
    other.start()
    assert is_locked.wait(10)
    assert "welcome_email" not in waking.look_after_all()
    is_seen.set()
    other.join()
    assert Effect.objects.get(reactor="welcome_email").state == "done"


@pytest.mark.usefixtures("two")
def test_whoever_fails_holds_up_nobody() -> None:
    known_user()
    assert waking.look_after_all() == []
    assert len(heard) == 1
    assert checkpoints.reached()["broken"].error.startswith("ConnectionError")


@pytest.mark.usefixtures("two")
def test_what_cannot_even_begin_is_told_when_the_others_are_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known_user()
    begin = subscriptions._begin  # noqa: SLF001  # what no handler is to blame for

    def refuse(subscription: subscriptions.Subscription) -> None:
        if subscription is BROKEN:
            raise ValueError(os.strerror(5))
        begin(subscription)

    monkeypatch.setattr(subscriptions, "_begin", refuse)
    with pytest.raises(ExceptionGroup) as caught:
        waking.look_after_all()
    assert [type(each) for each in caught.value.exceptions] == [ValueError]
    assert len(heard) == 1


@pytest.mark.usefixtures("two")
def test_a_lost_connection_is_raised_at_once() -> None:
    known_user()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend.append(cursor.fetchone()[0])
    with pytest.raises(OperationalError):
        waking.look_after_all()
    connection.close()
    assert heard == []


def test_who_is_paused_is_left_alone_and_seen() -> None:
    known_user(email="ada@example.com")
    with acting(actor="staff:olga", source="admin", correlation_id=uuid4()):
        pauses.pause("directory", reason="OPS-412")
        pauses.pause("welcome_email", reason="OPS-412")
    assert waking.look_after_all() == []
    assert DirectoryEntry.objects.count() == 0
    assert set(heartbeats.last()) >= {"directory", "welcome_email", "intake"}
