"""Whether everything downstream keeps up: lag, heartbeats, and what is stalled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db import connection

from eventstore import checkpoints, heartbeats, sql, subscriptions
from eventstore.heartbeats import Beat
from eventstore.subscriptions import Progress

# The sweep comes every 5; whoever looks every 5 as well knows within 30.
LATE_SECONDS = 2.0
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
        return self.lag_seconds > LATE_SECONDS


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


def bucket_lags(mark: int) -> list[BucketLag]:
    """Return how far each bucket is behind the watermark *mark*, by subscription.

    Two queries.
    """
    listed = {each.name for each in subscriptions.all_subscriptions()}
    found = [each for each in checkpoints.every() if each.subscription in listed]
    lags = _lags({str(each.position): each.position for each in found}, mark)
    return [
        BucketLag(
            subscription=each.subscription,
            bucket=each.bucket,
            behind=max(mark - each.position, 0),
            lag_seconds=lags.get(str(each.position), 0.0),
            error=each.error,
        )
        for each in found
    ]


def vitals(mark: int) -> list[Vital]:
    """Return the vital signs of each subscription at the watermark *mark*.

    Four queries.
    """
    found = subscriptions.progress_of_all(mark)
    lags = _lags({each.name: each.position for each in found}, mark)
    beats = heartbeats.last()
    return [
        Vital(
            **{field.name: getattr(each, field.name) for field in fields(each)},
            lag_seconds=lags.get(each.name, 0.0),
            beaten_at=beats[each.name].at if each.name in beats else None,
            is_stalled=_is_stalled(each, beats.get(each.name)),
        )
        for each in found
    ]


def _is_stalled(progress: Progress, beat: Beat | None) -> bool:
    if not progress.behind or progress.pause is not None:
        return False
    return beat is None or beat.age_seconds > STALLED_SECONDS


def _lags(reached: Mapping[str, int], mark: int) -> dict[str, float]:
    parameters: dict[str, Any] = {
        "names": list(reached),
        "positions": list(reached.values()),
        "watermark": mark,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("measure_lag"), parameters)
        return {name: max(seconds, 0.0) for name, seconds in cursor.fetchall()}
