"""What reactors do to the outside world: noted once, performed apart, with retries.

An effect's row is locked while it is performed, so two workers never perform it at once
and a killed worker leaves it pending.  The outside may see an effect twice only when
the worker is killed after the outside took it and before the row says so.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import psycopg.errors
from django.db import OperationalError, transaction
from django.db.models import Count, Q
from django.utils import timezone

from eventstore import store
from eventstore.circumstances import acting
from eventstore.events import SYSTEM, RecordedEvent
from eventstore.models import Effect

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
FIRST_RETRY_SECONDS = 10  # doubled with every attempt
SLICE_SECONDS = 20.0  # how long one run goes on; well below Celery's time limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Effects that did not happen: those still tried, and those given up."""

    pending: int
    failed: int


def note(reactor: str, events: Sequence[RecordedEvent]) -> None:
    """Note that *reactor* owes an effect for each of *events*; once, however often."""
    now = timezone.now()
    Effect.objects.bulk_create(
        [
            Effect(
                reactor=reactor,
                event_id=event.event_id,
                stream=event.stream,
                version=event.version,
                next_attempt_at=now,
                created_at=now,
            )
            for event in events
        ],
        ignore_conflicts=True,
    )


def perform_due(
    reactor: str,
    perform: Callable[[RecordedEvent], None],
    *,
    seconds: float = SLICE_SECONDS,
) -> bool:
    """Perform the due effects of *reactor*, oldest first; False if time ran out first.

    One performer at a time for each reactor: while another is at it, returns at once.
    """
    end = time.monotonic() + seconds
    with contextlib.suppress(_AnotherPerformsError):
        while _perform_next(reactor, perform):
            if time.monotonic() > end:
                return False
    return True


def of_stream(stream: str) -> list[Effect]:
    """Return the effects that events of one stream called for, newest first."""
    return list(Effect.objects.filter(stream=stream).order_by("-id"))


def of_events(events: Sequence[RecordedEvent]) -> list[Effect]:
    """Return the effects that *events* called for, oldest first.  One query."""
    found = Effect.objects.filter(
        stream__in={event.stream for event in events},
        event_id__in=[event.event_id for event in events],
    )
    return list(found.order_by("id"))


def owed() -> Owed:
    """Return how many effects did not happen (yet).  One query."""
    states = Effect.State
    open_states = [states.PENDING, states.FAILED]
    found = Effect.objects.filter(state__in=open_states).aggregate(
        pending=Count("id", filter=Q(state=states.PENDING)),
        failed=Count("id", filter=Q(state=states.FAILED)),
    )
    return Owed(**found)


class _AnotherPerformsError(Exception):
    """The next effect is locked: another worker is performing it."""


def _perform_next(reactor: str, perform: Callable[[RecordedEvent], None]) -> bool:
    with transaction.atomic():
        effect = _lock_next(reactor)
        if effect is None:
            return False
        (event,) = store.read_stream(
            effect.stream, from_version=effect.version, to_version=effect.version
        )
        if event.is_erased:  # nobody is left to hear of it
            effect.state = Effect.State.CANCELLED
            effect.finished_at = timezone.now()
            effect.save()
            return True
        effect.attempts += 1
        try:
            with transaction.atomic(), _acting_for(reactor, event):
                perform(event)
        # Whatever a reactor raises, the effect waits for its next attempt.
        except Exception as error:  # noqa: BLE001
            _postpone(effect, error)
        else:
            effect.state = Effect.State.DONE
            effect.error = ""
            effect.finished_at = timezone.now()
        effect.save()
        return True


def _acting_for(reactor: str, event: RecordedEvent) -> AbstractContextManager[None]:
    return acting(
        actor=f"reactor:{reactor}",
        source=SYSTEM,
        correlation_id=event.correlation_id,
        causation_id=event.event_id,
    )


def _lock_next(reactor: str) -> Effect | None:
    due = Effect.objects.filter(
        reactor=reactor,
        state=Effect.State.PENDING,
        next_attempt_at__lte=timezone.now(),
    ).order_by("next_attempt_at", "id")
    try:
        return due.select_for_update(nowait=True).first()
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise _AnotherPerformsError from error
        raise


def _postpone(effect: Effect, error: Exception) -> None:
    # The message may quote an address; the class never does.
    effect.error = type(error).__name__
    if effect.attempts >= MAX_ATTEMPTS:
        effect.state = Effect.State.FAILED
        effect.finished_at = timezone.now()
    else:
        wait = FIRST_RETRY_SECONDS * 2 ** (effect.attempts - 1)
        effect.next_attempt_at = timezone.now() + timedelta(seconds=wait)
    logger.warning(
        "effect failed",
        extra={
            "reactor": effect.reactor,
            "stream": effect.stream,
            "attempts": effect.attempts,
            "error": effect.error,
        },
    )
