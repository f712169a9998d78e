"""How everything downstream keeps up: named readers of the log with checkpoints.

A subscription's work is split into buckets by hash of the stream.  A worker leases free
buckets (row locks), reads one batch below the watermark, applies it and moves the
checkpoints, all in one transaction: the effect on a read model is exactly once however
often Celery runs the task, and the order inside each stream is kept.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.module_loading import import_string

from eventstore import effects, sql, store
from eventstore.errors import CheckpointMovedError, UnknownSubscriptionError
from eventstore.events import RecordedEvent
from eventstore.models import Checkpoint

logger = logging.getLogger(__name__)

# Kinds of subscriptions.
PROJECTION = "projection"
REACTOR = "reactor"

BUCKETS = 16  # fixed by event_bucket_v1; changing it is a migration
LEASED_BUCKETS = 8  # buckets a transaction takes, so that two workers run side by side
BATCH_SIZE = 500  # events read a transaction
SLICE_SECONDS = 20.0  # how long one run keeps going before others get their turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Fills a read model; may be replayed at will.

    Attributes:
        name: Stored with the checkpoints, for ever.
        apply: Writes a batch, in order of position; applying it twice changes nothing.
    """

    name: str
    apply: Callable[[Sequence[RecordedEvent]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactor:
    """Causes effects in the outside world; never replayed (ADR-0011).

    Its checkpoints are made by a migration, at the watermark of that day: what happened
    before the reactor existed never causes an effect.

    Attributes:
        name: Stored with checkpoints and effects, for ever.
        wants: Says whether an event calls for the effect.
        perform: Causes it; called again only when it raised or the worker was killed.
    """

    name: str
    wants: Callable[[RecordedEvent], bool]
    perform: Callable[[RecordedEvent], None]

    def apply(self, events: Sequence[RecordedEvent]) -> None:
        """Note the effects that *events* call for, once each."""
        effects.note(self.name, [event for event in events if self.wants(event)])


Subscription = Projection | Reactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a subscription has come.

    Attributes:
        kind: ``projection`` or ``reactor``.
        position: Everything at or below is applied.
        behind: Positions between that and the watermark; gaps count.
        error: What stopped it last, empty when nothing does.
    """

    name: str
    kind: str
    position: int
    behind: int
    error: str


def all_subscriptions() -> Sequence[Subscription]:
    """Return every subscription listed in ``config/subscriptions.py``."""
    listed: Sequence[Subscription] = import_string(settings.EVENTSTORE_SUBSCRIPTIONS)
    return listed


def find(name: str) -> Subscription:
    """Return the subscription called *name*.

    Raises:
        UnknownSubscriptionError: None is.
    """
    for subscription in all_subscriptions():
        if subscription.name == name:
            return subscription
    raise UnknownSubscriptionError(name)


def catch_up(subscription: Subscription, *, seconds: float = SLICE_SECONDS) -> bool:
    """Apply everything below the watermark; return False when the time ran out first.

    Safe to run at any time, twice, and beside other workers.  A batch that raises is
    rolled back, the error is kept beside the checkpoints, and the next run tries again;
    a lost database connection is raised to the caller instead.
    """
    if isinstance(subscription, Projection):
        _ensure_checkpoints(subscription.name)
    end = time.monotonic() + seconds
    while True:
        try:
            went_on = _apply_batch(subscription)
        except (InterfaceError, OperationalError):
            raise
        # A failing handler must not stop the other subscriptions.
        except Exception as error:  # noqa: BLE001
            _keep_error(subscription.name, error)
            return True
        if not went_on:
            return True
        if time.monotonic() > end:
            return False


def progress(subscription: Subscription) -> Progress:
    """Return how far *subscription* has come.  Two queries."""
    mark = store.watermark()
    found = Checkpoint.objects.filter(subscription=subscription.name).aggregate(
        position=Min("position"), error=Max("error")
    )
    return _progress(subscription, mark, found)


def progress_of_all(mark: int) -> list[Progress]:
    """Return how far each subscription has come towards the watermark *mark*.

    One query.
    """
    found = {
        row["subscription"]: row
        for row in Checkpoint.objects.values("subscription").annotate(
            position=Min("position"), error=Max("error")
        )
    }
    return [
        _progress(each, mark, found.get(each.name, {})) for each in all_subscriptions()
    ]


def lock_bucket(subscription: str, stream: str) -> None:
    """Wait until no worker holds the bucket of *stream*, and hold it.

    Must run in a transaction; the bucket is free again when it ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_bucket_v1(%s)", [stream])
        bucket: int = cursor.fetchone()[0]
    _ensure_checkpoints(subscription)
    Checkpoint.objects.select_for_update().get(subscription=subscription, bucket=bucket)


def _progress(
    subscription: Subscription, mark: int, found: Mapping[str, Any]
) -> Progress:
    position = found.get("position") or 0
    return Progress(
        name=subscription.name,
        kind=PROJECTION if isinstance(subscription, Projection) else REACTOR,
        position=position,
        behind=max(mark - position, 0),
        error=found.get("error") or "",
    )


def _apply_batch(subscription: Subscription) -> bool:
    mark = store.watermark()
    with transaction.atomic():
        leased = _lease(subscription.name, mark)
        if not leased:
            return False
        read = store.read_all(
            after=min(leased.values()),
            until=mark,
            buckets=list(leased),
            limit=BATCH_SIZE,
        )
        due = [event for bucket, event in read if event.position > leased[bucket]]
        if due:
            subscription.apply(due)
        reached = read[-1][1].position if len(read) == BATCH_SIZE else mark
        _advance(
            subscription.name,
            {bucket: seen for bucket, seen in leased.items() if seen < reached},
            reached,
        )
    return True


def _lease(name: str, mark: int) -> dict[int, int]:
    parameters: dict[str, Any] = {
        "subscription": name,
        "watermark": mark,
        "size": LEASED_BUCKETS,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("lease_buckets"), parameters)
        return dict(cursor.fetchall())


def _advance(name: str, seen: dict[int, int], reached: int) -> None:
    parameters: dict[str, Any] = {
        "subscription": name,
        "buckets": list(seen),
        "positions": list(seen.values()),
        "position": reached,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("advance_checkpoints"), parameters)
        if cursor.rowcount != len(seen):
            raise CheckpointMovedError(name)


def _ensure_checkpoints(name: str) -> None:
    if Checkpoint.objects.filter(subscription=name).count() == BUCKETS:
        return
    now = timezone.now()
    Checkpoint.objects.bulk_create(
        [
            Checkpoint(subscription=name, bucket=bucket, position=0, moved_at=now)
            for bucket in range(BUCKETS)
        ],
        ignore_conflicts=True,
    )


def _keep_error(name: str, error: Exception) -> None:
    # The message may quote a person's data; the class and the place never do.
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}"
    what = f"{type(error).__name__} at {place}"
    Checkpoint.objects.filter(subscription=name).update(
        error=what, failed_at=timezone.now()
    )
    logger.error("catch up failed", extra={"subscription": name, "error": what})
