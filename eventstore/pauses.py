"""Telling a subscription to wait, and to go on; each is an event."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.utils import timezone

from eventstore import circumstances, doorbell, reasons, store
from eventstore.errors import (
    SubscriptionPausedError,
    SubscriptionRunsError,
)
from eventstore.events import ANY
from eventstore.models import Pause
from eventstore.subscription_events import (
    PAUSED,
    RESUMED,
    SubscriptionChanged,
    stream_of,
)


def pause(name: str, *, reason: str) -> None:
    """Apply nothing and cause no effect from the next batch on, until :func:`resume`.

    Raises:
        NoReasonError: *reason* is empty.
        SubscriptionPausedError: It is paused already.
    """
    why = reasons.wanted(reason)
    try:
        with transaction.atomic():
            Pause.objects.create(
                subscription=name,
                actor=circumstances.current().actor,
                reason=why,
                paused_at=timezone.now(),
            )
            tell(name, PAUSED, why)
    except IntegrityError as error:
        raise SubscriptionPausedError(name) from error


def resume(name: str) -> None:
    """Go on where it stopped, at once.

    Raises:
        SubscriptionRunsError: It is not paused.
    """
    with transaction.atomic():
        count, _each = Pause.objects.filter(subscription=name).delete()
        if not count:
            raise SubscriptionRunsError(name)
        tell(name, RESUMED)
        doorbell.ring_after_commit()


def pause_all(names: Iterable[str], *, reason: str) -> list[str]:
    """Pause those of *names* that are not yet, and return which; an event each.

    Atomic: all of them, or none.

    Raises:
        NoReasonError: *reason* is empty.
    """
    why = reasons.wanted(reason)
    actor, now = circumstances.current().actor, timezone.now()
    paused = []
    with transaction.atomic():
        for name in sorted(
            names
        ):  # in one order: two at once never wait for each other
            _pause, is_new = Pause.objects.get_or_create(
                subscription=name,
                defaults={"actor": actor, "reason": why, "paused_at": now},
            )
            if is_new:
                tell(name, PAUSED, why)
                paused.append(name)
    return paused


def resume_all(names: Iterable[str], *, reason: str) -> list[str]:
    """Have those of *names* that are paused go on, and return which; an event each.

    Atomic: all of them, or none.

    Raises:
        NoReasonError: *reason* is empty.
    """
    why = reasons.wanted(reason)
    resumed = []
    with transaction.atomic():
        for name in sorted(names):
            count, _each = Pause.objects.filter(subscription=name).delete()
            if count:
                tell(name, RESUMED, why)
                resumed.append(name)
        doorbell.ring_after_commit()
    return resumed


def is_paused(name: str) -> bool:
    """Say whether *name* is told to wait."""
    return Pause.objects.filter(subscription=name).exists()


def of(names: Iterable[str]) -> list[Pause]:
    """Return the pauses of subscriptions called so, by name.  One query."""
    found = Pause.objects.filter(subscription__in=list(names))
    return list(found.order_by("subscription"))


def every() -> dict[str, Pause]:
    """Return what is paused, by subscription.  One query."""
    return {pause.subscription: pause for pause in Pause.objects.all()}


def tell(name: str, change: str, reason: str = "") -> None:
    """Record what an operator did to *name*."""
    fact = SubscriptionChanged(name=name, change=change, reason=reason)
    store.append(stream_of(name), [fact], expected_version=ANY)
