"""What the side bar counts: subscriptions, dead letters and runs that want somebody.

The dashboard asks for the same, and for more, in the same query.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.postgres.aggregates import StringAgg
from django.db import DatabaseError
from django.db.models import Count, DateTimeField, Min, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from eventstore import dead_letters, liveness
from eventstore.approvals import keeping as approvals
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
        waiting: How much of each act waits for a second person, by act and account.
        asked: How much was ever asked of one.
    """

    stuck: int = 0
    letters: int = 0
    oldest: datetime | None = None
    runs: int = 0
    waiting: Mapping[tuple[str, int], int] = field(default_factory=dict)
    asked: int = 0


class Told(NamedTuple):
    """What one part of the query said; what it was not asked for is empty."""

    number: int
    at: datetime | None
    word: str


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
    return look()[0]


def look(also: Iterable[QuerySet[Any]] = ()) -> tuple[Troubles, dict[str, Told]]:
    """Do what :func:`counted` does, and return what *also* says, by kind.  One query.

    Args:
        also: What :func:`part` made.
    """
    paused, failing = liveness.stopped()
    letters = dead_letters.still_open()
    rows = part("letters", letters, at=Min("first_failed_at")).union(
        part("paused", paused),
        part("failing", failing, counted_by="subscription"),
        part("runs", schedule.waiting()),
        part("asked", approvals.every()),
        part("waiting", approvals.waiting(), word=_acts_and_accounts()),
        *also,
        all=True,
    )
    found = {kind: Told(*told) for kind, *told in rows}
    troubles = Troubles(
        stuck=found["paused"].number + found["failing"].number,
        letters=found["letters"].number,
        oldest=found["letters"].at,
        runs=found["runs"].number,
        waiting=_by_act_and_account(found["waiting"].word),
        asked=found["asked"].number,
    )
    keep(troubles, seconds=KEPT_SECONDS)
    return troubles, found


def keep(found: Troubles, *, seconds: float) -> None:
    """Have :func:`known` answer *found* for so long, without a query."""
    _kept.found = found
    _kept.until = time.monotonic() + seconds


def part(
    kind: str,
    rows: QuerySet[Any],
    *,
    counted_by: str = "pk",
    at: Any = None,
    word: Any = None,
) -> QuerySet[Any]:
    """Return what counts *rows*, as one part of a query; one row, whatever there is.

    Args:
        kind: What it is called in the answer.
        rows: What to count.
        counted_by: Each value of this column once.
        at: An aggregate of them that is an instant.
        word: Likewise, that is text.
    """
    never = Value(None, output_field=DateTimeField())
    nothing = Value("", output_field=TextField())
    counted_rows: QuerySet[Any] = (
        rows.order_by()
        .annotate(kind=Value(kind))
        .values("kind")
        .annotate(
            number=Count(counted_by, distinct=True),
            told_at=never if at is None else at,
            told_word=nothing if word is None else word,
        )
        .values_list("kind", "number", "told_at", "told_word")
    )
    return counted_rows


def _acts_and_accounts() -> StringAgg:
    account = Cast("account", TextField())
    each = Concat("act", Value(" "), account, output_field=TextField())
    return StringAgg(each, ",", default=Value(""))


def _by_act_and_account(told: str) -> Mapping[tuple[str, int], int]:
    each = (words.split(" ") for words in told.split(",") if words)
    return Counter((act, int(account)) for act, account in each)
