"""Whether everything downstream keeps up: lag, heartbeats, and what is stalled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from eventstore import checkpoints, heartbeats, sql, store, subscriptions
from eventstore.models import Checkpoint, Heartbeat, Pause
from eventstore.subscriptions import Progress, Subscription

# The sweep comes every 5; whoever looks every 5 as well knows within 30.
STALLED_SECONDS = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital(Progress):
    """How far a subscription has come, and whether somebody is at it.

    Attributes:
        lag_seconds: Age of the oldest event it has not come to, at most; 0 when it is
            up to date.
        beaten_at: When a worker last looked; None when none ever did.
        is_stalled: It is behind, it is not paused, and no worker looked for 25 seconds.
    """

    lag_seconds: float
    beaten_at: datetime | None
    is_stalled: bool

    @property
    def is_late(self) -> bool:
        """Whether it is behind for longer than it takes when all is well."""
        return self.lag_seconds > settings.LAG_WARN_SECONDS

    @property
    def is_far_behind(self) -> bool:
        """Whether it is behind for so long that somebody should look."""
        return self.lag_seconds > settings.LAG_BAD_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketLag:
    """How far one bucket of a subscription is behind.

    Attributes:
        behind: Positions between its checkpoint and the watermark; gaps count.
        lag_seconds: Age of the oldest event it has not come to, at most; 0 when it is
            up to date.
        error: What stops it, empty when nothing does.
    """

    subscription: str
    bucket: int
    behind: int
    lag_seconds: float
    error: str

    @property
    def is_late(self) -> bool:
        """Whether it is behind for longer than it takes when all is well."""
        return self.lag_seconds > settings.LAG_WARN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The last sign of life.

    Attributes:
        at: When; None without any.
        is_silent: Whether that is more than 25 seconds ago, by the database's clock.
    """

    at: datetime | None
    is_silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How everything downstream is.

    Attributes:
        workers: The last beat of any worker.
        schedule: The last sweep that the schedule asked for and a worker did.
    """

    vitals: list[Vital]
    workers: Beat
    schedule: Beat


def bucket_lags(mark: int) -> list[BucketLag]:
    """Return how far each bucket is behind the watermark *mark*, by subscription.

    Two queries.
    """
    listed = {each.name for each in subscriptions.all_subscriptions()}
    found = [each for each in checkpoints.every() if each.subscription in listed]
    signs = _signs({str(each.position): each.position for each in found}, mark)
    return [
        BucketLag(
            subscription=each.subscription,
            bucket=each.bucket,
            behind=max(mark - each.position, 0),
            lag_seconds=signs[str(each.position)].lag_seconds,
            error=each.error,
        )
        for each in found
    ]


def vitals(mark: int) -> list[Vital]:
    """Return the vital signs of each subscription at the watermark *mark*.

    Two queries.
    """
    return pulse(mark).vitals


def pulse(mark: int) -> Pulse:
    """Return the same, and whether there are workers and a schedule at all.

    Two queries.
    """
    found = subscriptions.progress_of_all(mark, paused={})
    reached = {each.name: each.position for each in found}
    signs = _signs(reached | {heartbeats.SCHEDULE: mark}, mark)
    schedule = signs.pop(heartbeats.SCHEDULE)
    beats = [each for each in signs.values() if each.beat_age is not None]
    last = min(beats, key=lambda each: each.beat_age or 0.0, default=None)
    return Pulse(
        vitals=[_vital(each, signs[each.name]) for each in found],
        workers=_beat(last),
        schedule=_beat(schedule),
    )


def vital(subscription: Subscription) -> Vital:
    """Return the vital signs of one subscription, now.  Three queries."""
    mark = store.watermark()
    found = subscriptions.progress_of_all(mark, paused={}, only=[subscription])[0]
    return _vital(found, _signs({found.name: found.position}, mark)[found.name])


def looked_ago() -> timedelta | None:
    """Return how long ago a worker looked at the one longest left alone.  One query.

    None when some subscription was never looked at.
    """
    names = [each.name for each in subscriptions.all_subscriptions()]
    found = Heartbeat.objects.filter(subscription__in=names)
    ages = list(found.values_list(Now() - F("beaten_at"), flat=True))
    return max(ages) if len(ages) == len(names) else None


def stopped() -> tuple[QuerySet[Pause], QuerySet[Checkpoint]]:
    """Return the pauses, and the checkpoints that an error stops and nobody paused.

    Of the subscriptions that there are.  No query: whoever counts asks.
    """
    names = [each.name for each in subscriptions.all_subscriptions()]
    paused = Pause.objects.filter(subscription__in=names)
    failing = Checkpoint.objects.filter(subscription__in=names).exclude(error="")
    return paused, failing.exclude(subscription__in=paused.values("subscription"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """What the database says of a subscription at one moment, as :class:`Vital`."""

    lag_seconds: float
    beaten_at: datetime | None
    beat_age: float | None
    pause: Pause | None


def _vital(progress: Progress, sign: _Sign) -> Vital:
    known = {field.name: getattr(progress, field.name) for field in fields(progress)}
    is_at_rest = not progress.behind or sign.pause is not None
    return Vital(
        **known | {"pause": sign.pause},
        lag_seconds=sign.lag_seconds,
        beaten_at=sign.beaten_at,
        is_stalled=_beat(sign).is_silent and not is_at_rest,
    )


def _beat(sign: _Sign | None) -> Beat:
    if sign is None or sign.beat_age is None:
        return Beat(at=None, is_silent=True)
    return Beat(at=sign.beaten_at, is_silent=sign.beat_age > STALLED_SECONDS)


def _signs(reached: Mapping[str, int], mark: int) -> dict[str, _Sign]:
    parameters: dict[str, Any] = {
        "names": list(reached),
        "positions": list(reached.values()),
        "watermark": mark,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("measure_lag"), parameters)
        return {
            name: _Sign(
                lag_seconds=max(seconds or 0.0, 0.0),
                beaten_at=beaten_at,
                beat_age=age,
                pause=_pause(name, *paused) if paused[0] is not None else None,
            )
            for name, beaten_at, *paused, seconds, age in cursor.fetchall()
        }


def _pause(name: str, actor: str, reason: str, paused_at: datetime) -> Pause:
    return Pause(subscription=name, actor=actor, reason=reason, paused_at=paused_at)
