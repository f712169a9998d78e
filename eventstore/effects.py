"""What reactors do to the outside world: noted once, performed apart, with retries.

An effect's row is locked while it is performed, so two workers never perform it at once
and a killed worker leaves it pending.  The outside may see an effect twice when the
worker is killed after the outside took it and before the row says so, and when its
answer came too late or not at all.  Each repeat has the same key, by which the other
side can tell.
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
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import faults, store, tracing, vault
from eventstore.circumstances import acting
from eventstore.errors import EffectError, EffectRefusedError
from eventstore.events import SYSTEM, RecordedEvent
from eventstore.models import Effect

logger = logging.getLogger(__name__)

# Two days: a mail server that is down for a night loses nobody's welcome.
RETRY_SECONDS = (10, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 57_600)
SLICE_SECONDS = 20.0  # how long one run goes on; well below Celery's time limit
SHOWN = 200  # effects listed at most

# Performs the effect of an event; the key is the effect's own, for the other side.
Perform = Callable[[RecordedEvent, str], None]
State = Effect.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Effects that did not happen: those still tried, and those given up."""

    pending: int
    failed: int


def note(reactor: str, events: Sequence[RecordedEvent]) -> None:
    """Note that *reactor* owes an effect for each of *events*; once, however often."""
    now = Now()  # the database's clock: another worker's may be an hour off
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
    perform: Perform,
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


def is_due(reactor: str) -> bool:
    """Return whether an effect of *reactor* is due.  One query, which locks nothing."""
    return _due(reactor).exists()


def of_stream(stream: str) -> list[Effect]:
    """Return the effects that events of one stream called for, newest first."""
    return list(Effect.objects.filter(stream=stream).order_by("-id"))


def listed(*, state: str = "", reactor: str = "", stream: str = "") -> list[Effect]:
    """Return the effects of these, newest first; at most 200.

    One that failed and was resent is none that failed.
    """
    wanted = {"state": state, "reactor": reactor, "stream": stream}
    found = _latest() if state == State.FAILED else Effect.objects.all()
    found = found.filter(**{name: value for name, value in wanted.items() if value})
    return list(found.order_by("-id")[:SHOWN])


def resendable(found: Sequence[Effect]) -> set[int]:
    """Return the numbers of those that may be sent once more.

    Args:
        found: All effects of some events.
    """
    last = {(each.reactor, each.event_id): each for each in sorted(found, key=_order)}
    over = (State.DONE, State.FAILED)
    return {each.pk for each in last.values() if each.state in over}


def key(effect: Effect) -> str:
    """Return the key under which the other side knows *effect*, in every attempt."""
    return (
        f"{effect.event_id}-{effect.resend}" if effect.resend else str(effect.event_id)
    )


def of_events(events: Sequence[RecordedEvent]) -> list[Effect]:
    """Return the effects that *events* called for, oldest first.  One query."""
    found = Effect.objects.filter(
        stream__in={event.stream for event in events},
        event_id__in=[event.event_id for event in events],
    )
    return list(found.order_by("id"))


def owed() -> Owed:
    """Return how many effects did not happen (yet).  One query.

    One that failed and was resent is counted as the resend.
    """
    open_states = [State.PENDING, State.FAILED]
    found = (
        _latest()
        .filter(state__in=open_states)
        .aggregate(
            pending=Count("id", filter=Q(state=State.PENDING)),
            failed=Count("id", filter=Q(state=State.FAILED)),
        )
    )
    return Owed(**found)


def unsettled() -> tuple[QuerySet[Effect], QuerySet[Effect]]:
    """Return what is pending, and what failed, as :func:`owed` counts them.

    No query: whoever counts asks.
    """
    latest = _latest()
    return latest.filter(state=State.PENDING), latest.filter(state=State.FAILED)


def _latest() -> QuerySet[Effect]:
    later = Effect.objects.filter(
        reactor=OuterRef("reactor"),
        event_id=OuterRef("event_id"),
        resend__gt=OuterRef("resend"),
    )
    return Effect.objects.filter(~Exists(later))


def _order(effect: Effect) -> int:
    return effect.resend


class _AnotherPerformsError(Exception):
    """The next effect is locked: another worker is performing it."""


def _perform_next(reactor: str, perform: Perform) -> bool:
    with transaction.atomic():
        effect = _lock_next(reactor)
        if effect is None:
            return False
        effect.attempts += 1
        try:
            with transaction.atomic():
                _attempt(effect, perform)
        # Whatever a reactor raises, or the event's key: the effect waits for its next
        # attempt, and others go on.
        except Exception as error:
            if faults.is_lost_connection(error):
                raise
            _postpone(effect, error)
        effect.save()
        return True


def _attempt(effect: Effect, perform: Perform) -> None:
    (event,) = store.read_stream(
        effect.stream, from_version=effect.version, to_version=effect.version
    )
    if _is_nobody_left(effect, event):
        effect.state = State.CANCELLED
        effect.attempts -= 1
    else:
        with _acting_for(effect.reactor, event), _span(effect, event):
            perform(event, key(effect))
        effect.state = State.DONE
        effect.error = ""
    effect.finished_at = timezone.now()


def _is_nobody_left(effect: Effect, event: RecordedEvent) -> bool:
    # What an event without personal data calls for is sent, even of an erased person;
    # but not a second time.
    return event.is_erased or (effect.resend > 0 and vault.is_destroyed(effect.stream))


def _acting_for(reactor: str, event: RecordedEvent) -> AbstractContextManager[None]:
    return acting(
        actor=f"reactor:{reactor}",
        source=SYSTEM,
        correlation_id=event.correlation_id,
        causation_id=event.event_id,
    )


def _span(effect: Effect, event: RecordedEvent) -> AbstractContextManager[object]:
    about = {"annals.stream": effect.stream, "annals.attempts": effect.attempts}
    return tracing.span(f"effect {effect.reactor}", about, events=[event])


def _lock_next(reactor: str) -> Effect | None:
    due = _due(reactor).order_by("next_attempt_at", "id")
    try:
        return due.select_for_update(nowait=True).first()
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise _AnotherPerformsError from error
        raise


def _due(reactor: str) -> QuerySet[Effect]:
    return Effect.objects.filter(
        reactor=reactor, state=State.PENDING, next_attempt_at__lte=Now()
    )


def _postpone(effect: Effect, error: Exception) -> None:
    # Another's message may quote an address; the class never does.
    is_ours = isinstance(error, EffectError)
    effect.error = str(error) if is_ours else type(error).__name__
    is_over = effect.attempts > len(RETRY_SECONDS)
    if is_over or isinstance(error, EffectRefusedError):
        effect.state = State.FAILED
        effect.finished_at = timezone.now()
    else:
        wait = RETRY_SECONDS[effect.attempts - 1]
        effect.next_attempt_at = Now() + timedelta(seconds=wait)
    logger.warning(
        "effect failed",
        extra={
            "reactor": effect.reactor,
            "stream": effect.stream,
            "attempts": effect.attempts,
            "error": effect.error,
        },
    )
