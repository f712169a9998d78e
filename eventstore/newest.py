"""The end of the log as a dashboard looks at it: what came last, and how much.

Each costs the same on a large log as on a small one (ADR-0054).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from eventstore import codec, sql
from eventstore.events import RecordedEvent
from eventstore.reading import recorded

Minutes = dict[tuple[datetime, str], int]  # when it began, source: events


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """What came last.

    Attributes:
        events: That no operator caused, newest first.
        acts: What operators did, newest first.
        alone: The newest of the one type asked for; None where there is none.
    """

    events: Sequence[RecordedEvent]
    acts: Sequence[RecordedEvent]
    alone: RecordedEvent | None


def newest(mark: int, *, size: int, alone: str) -> Newest:
    """Return the last events up to the watermark *mark*.  Two queries.

    Args:
        mark: Nothing above it is looked at.
        size: At most so many events, and so many acts.
        alone: The stored name of a type.
    """
    asked: dict[str, Any] = {
        "operators": codec.operators_types(),
        "alone": alone,
        "size": size,
        "until": mark,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("find_newest"), asked)
        rows = sorted(cursor.fetchall(), key=lambda row: -row[1])
    told = recorded(row[1:] for row in rows)  # one look for the keys of all
    found: dict[str, list[RecordedEvent]] = {"events": [], "acts": [], "alone": []}
    for row, event in zip(rows, told, strict=True):
        found[row[0]].append(event)
    return Newest(
        events=found["events"],
        acts=found["acts"],
        alone=next(iter(found["alone"]), None),
    )


def by_minute(since: datetime, *, most: int) -> tuple[Minutes, datetime | None]:
    """Return how many events each minute brought, by when it began, and source.

    Then, where *most* were too few, when the first minute begins that was counted
    whole; None where all were counted.  One query, O(most).

    Args:
        since: Recorded at or after, aware.
        most: At most so many events are looked at, the newest first.
    """
    asked: dict[str, Any] = {"since": since, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("count_minutes"), asked)
        rows = cursor.fetchall()
    counted = {(minute, source): events for source, minute, events, _reached in rows}
    if not rows or rows[0][3] is None:
        return counted, None
    cut = rows[0][3].replace(second=0, microsecond=0) + timedelta(minutes=1)
    return {key: events for key, events in counted.items() if key[0] >= cut}, cut
