"""A worker whose clock is an hour fast, and what it leaves to those whose is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from eventstore import effects, store
from eventstore.events import RecordedEvent
from eventstore.models import Checkpoint, DeadLetter, Effect
from eventstore.subscriptions import Projection, catch_up
from eventstore.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.factories import appended
from tests.receivers import Receiver
from tests.webhooks import add, hooks, open_loopback, work

__all__ = ["hooks", "open_loopback"]

pytestmark = pytest.mark.usefixtures("committed_db")
HOUR = timedelta(hours=1)
SOON = timedelta(minutes=5)


@contextmanager
def an_hour_fast(patch: pytest.MonkeyPatch) -> Iterator[None]:
    right = timezone.now
    with patch.context() as moved:
        moved.setattr(timezone, "now", lambda: right() + HOUR)
        yield


def refuse(events: Sequence[RecordedEvent]) -> None:
    del events
    raise ValueError


def run_out_of_space(events: Sequence[RecordedEvent]) -> None:
    del events
    raise OSError


def fail(event: RecordedEvent, key: str) -> None:
    del event, key
    raise ConnectionError


def test_an_effect_is_due_at_once_and_after_a_failure_in_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appended("user-1")
    performed: list[str] = []
    with an_hour_fast(monkeypatch):
        effects.note("tests", store.read_stream("user-1"))
        effects.note("others", store.read_stream("user-1"))
        effects.perform_due("others", fail)
    effects.perform_due("tests", lambda event, _key: performed.append(event.stream))
    assert performed == ["user-1"]
    waiting = Effect.objects.get(reactor="others")
    assert waiting.attempts == 1
    assert waiting.next_attempt_at < timezone.now() + SOON


def test_an_effect_is_not_tried_before_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appended("user-1")
    effects.note("tests", store.read_stream("user-1"))
    effects.perform_due("tests", fail)
    with an_hour_fast(monkeypatch):
        effects.perform_due("tests", fail)
    assert Effect.objects.get().attempts == 1


def test_a_dead_letter_is_tried_again_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appended("user-1")
    with an_hour_fast(monkeypatch):
        catch_up(Projection(name="picky", apply=refuse))
    assert DeadLetter.objects.get().next_attempt_at < timezone.now() + SOON


def test_a_bucket_in_trouble_is_tried_again_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appended("user-1")
    with an_hour_fast(monkeypatch):
        catch_up(Projection(name="picky", apply=run_out_of_space))
    failed = Checkpoint.objects.exclude(failed_at=None).get()
    assert failed.error.startswith("OSError at test_clocks.py")
    assert failed.failed_at is not None
    assert failed.failed_at < timezone.now() + SOON


@pytest.mark.usefixtures("open_loopback")
def test_webhooks_go_on_being_sent(
    monkeypatch: pytest.MonkeyPatch, hooks: Receiver
) -> None:
    add("crm", hooks.url)
    with an_hour_fast(monkeypatch):
        appended("user-1")
        work()
    appended("user-2")
    work()
    sent = WebhookDelivery.objects.filter(state="done", stream__startswith="user-")
    assert sent.count() == 2
    hooks.status = 503
    with an_hour_fast(monkeypatch):
        appended("user-3")
        work()
    waiting = WebhookDelivery.objects.get(stream="user-3")
    assert waiting.next_attempt_at < timezone.now() + SOON
    assert WebhookEndpoint.objects.get().next_attempt_at < timezone.now() + SOON
