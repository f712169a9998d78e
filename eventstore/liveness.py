"""Whether everything downstream keeps up: lag, heartbeats, and what is stalled."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from eventstore import heartbeats, sql, subscriptions
from eventstore.subscriptions import Progress

STALLED_SECONDS = 30.0  # the sweep comes every 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital(Progress):
    """How far a subscription has come, and whether somebody is at it.

    Attributes:
        lag_seconds: Age of the oldest event it has not come to, at most; 0 when it is
            up to date.
        beaten_at: When a worker last looked; None when none ever did.
        is_stalled: It is behind, it is not paused, and no worker looked for half a
            minute.
    """

    lag_seconds: float
    beaten_at: datetime | None
    is_stalled: bool


def vitals(mark: int) -> list[Vital]:
    """Return the vital signs of each subscription at the watermark *mark*.

    Four queries.
    """
    found = subscriptions.progress_of_all(mark)
    lags = _lags(found, mark)
    beats = heartbeats.last()
    return [
        Vital(
            **{field.name: getattr(each, field.name) for field in fields(each)},
            lag_seconds=lags.get(each.name, 0.0),
            beaten_at=beats.get(each.name),
            is_stalled=_is_stalled(each, beats.get(each.name)),
        )
        for each in found
    ]


def _is_stalled(progress: Progress, beaten_at: datetime | None) -> bool:
    if not progress.behind or progress.pause is not None:
        return False
    since = timezone.now() - timedelta(seconds=STALLED_SECONDS)
    return beaten_at is None or beaten_at < since


def _lags(found: list[Progress], mark: int) -> dict[str, float]:
    parameters: dict[str, Any] = {
        "names": [each.name for each in found],
        "positions": [each.position for each in found],
        "watermark": mark,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("measure_lag"), parameters)
        return {name: max(seconds, 0.0) for name, seconds in cursor.fetchall()}
