"""What the side bar counts: subscriptions, dead letters and runs that want somebody."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.db.models import Count, DateTimeField, Min, QuerySet, Value

from eventstore import dead_letters, liveness
from users.sources.salesforce import schedule

KEPT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What wants somebody.

    Attributes:
        stuck: Subscriptions that are paused, or that an error stops.
        letters: Open dead letters of all subscriptions.
        oldest: When the first of those failed first; None without any.
        runs: Runs of Salesforce that only a person lets go on.
    """

    stuck: int = 0
    letters: int = 0
    oldest: datetime | None = None
    runs: int = 0


@dataclass(slots=True)
class _Kept:
    """What this process knows, and until when by its own clock."""

    found: Troubles
    until: float


_kept = _Kept(Troubles(), 0.0)


def known() -> Troubles:
    """Return what this process counted up to 5 seconds ago.

    No query, or that of :func:`counted`.  Where the database does not answer, what was
    known before: a page that says so must still have its side bar.
    """
    if time.monotonic() >= _kept.until:
        try:
            counted()
        except DatabaseError:
            return _kept.found
    return _kept.found


def counted() -> Troubles:
    """Count now, and keep it for :func:`known`.  One query."""
    paused, failing = liveness.stopped()
    never = Value(None, output_field=DateTimeField())
    letters = dead_letters.still_open()
    rows = _told("letters", letters, "pk", Min("first_failed_at")).union(
        _told("paused", paused, "pk", never),
        _told("failing", failing, "subscription", never),
        _told("runs", schedule.waiting(), "pk", never),
        all=True,
    )
    found = {kind: (number, since) for kind, number, since in rows}
    troubles = Troubles(
        stuck=found["paused"][0] + found["failing"][0],
        letters=found["letters"][0],
        oldest=found["letters"][1],
        runs=found["runs"][0],
    )
    keep(troubles, seconds=KEPT_SECONDS)
    return troubles


def keep(found: Troubles, *, seconds: float) -> None:
    """Have :func:`known` answer *found* for so long, without a query."""
    _kept.found = found
    _kept.until = time.monotonic() + seconds


def _told(kind: str, rows: QuerySet[Any], counted_by: str, since: Any) -> QuerySet[Any]:
    counted_rows: QuerySet[Any] = (
        rows.order_by()
        .annotate(kind=Value(kind))
        .values("kind")
        .annotate(number=Count(counted_by, distinct=True), since=since)
        .values_list("kind", "number", "since")
    )
    return counted_rows
