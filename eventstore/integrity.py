"""Verify the log: recompute every leaf, check every place, name the first that differs.

No tree yet: an event removed together with all later ones of its stream, or rewritten
together with its leaf, is not noticed (ADR-0010).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from eventstore import sql, store
from eventstore.archive.rows import Row, expected_leaf, scan
from eventstore.errors import PayloadError
from eventstore.events import ANY, RecordedEvent
from eventstore.operator_events import LogVerified
from eventstore.reading import keys_of, recorded
from eventstore.vault import Keys

STREAM = "integrity-log"
VERIFIED = "LogVerified"  # stored name of the event


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first event that is not what it was when it was appended.

    Attributes:
        what: What differs, as far as can be told; never quotes the payload.
    """

    position: int
    stream: str
    version: int
    event_id: UUID
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was verified, and what was found.

    Attributes:
        events: Events verified, the differing one included.
        first: First position asked for.
        last: Last position verified: what was asked for, at most the watermark.
        difference: None when every event is as it was appended.
    """

    events: int
    first: int
    last: int
    difference: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One event, and whether it is what was appended.

    Attributes:
        stored: Its payload as the log has it, personal fields sealed.
        difference: What differs from the event's leaf, as far as can be told; empty
            when nothing does.  Never quotes the payload.
        keys: With which the event was opened; its conversation needs them, too.
    """

    event: RecordedEvent
    stored: Any
    difference: str
    keys: Keys


def examine(position: int) -> Examined | None:
    """Return the event at *position*, its leaf recomputed; None when there is none.

    Two queries.  Its place in its stream is not checked; :func:`verify` does that.
    """
    for rows in scan(first=position, until=position):
        keys = keys_of(rows)
        return Examined(
            event=recorded(rows, keys)[0],
            stored=rows[0].data,
            difference=_leaf_difference(rows[0]),
            keys=keys,
        )
    return None


def verify(
    *,
    first: int = 1,
    last: int | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Recompute the leaves of a range of positions and check their places.

    Constant memory; two queries for 2,000 events; one probe of an index an event.

    Args:
        first: Position, inclusive.
        last: Position, inclusive; None, or above the watermark: the watermark.
        on_batch: Told the events verified so far and the position reached.
    """
    mark = store.watermark()
    until = mark if last is None else min(last, mark)
    verified = 0
    for rows in scan(first=first, until=until):
        misplaced = _misplaced(rows[0].position, rows[-1].position)
        for row in rows:
            verified += 1
            what = _leaf_difference(row) or misplaced.get(row.position)
            if what:
                return Verdict(
                    events=verified,
                    first=first,
                    last=row.position,
                    difference=_difference(row, what),
                )
        if on_batch:
            on_batch(verified, rows[-1].position)
    return Verdict(events=verified, first=first, last=until, difference=None)


def record(verdict: Verdict) -> None:
    """Record what was found, so that whoever looks after the log can see it."""
    found = verdict.difference
    fact = LogVerified(
        first=verdict.first,
        last=verdict.last,
        events=verdict.events,
        differs_at=found.position if found else None,
    )
    store.append(STREAM, [fact], expected_version=ANY)


def _leaf_difference(row: Row) -> str:
    try:
        leaf = expected_leaf(row)
    except PayloadError as error:
        # The path may hold a key, never a value.
        return f"data, metadata or a name lies outside the JSON profile ({error})"
    if leaf == row.leaf:
        return ""
    return _culprit(row) or (
        "the leaf is not the one of data, metadata, salt and the other columns:"
        " one of them was changed"
    )


def _culprit(row: Row) -> str:
    """Name a column when putting its most likely old value back makes the leaf fit."""
    guesses = {
        "occurred_at": row._replace(occurred_at=row.recorded_at),
        "recorded_at": row._replace(recorded_at=row.occurred_at),
        "causation_id": row._replace(causation_id=None),
        "metadata": row._replace(metadata={}),
    }
    for column, guess in guesses.items():
        if expected_leaf(guess) == row.leaf:
            return f"{column} was changed; all else fits the leaf"
    return ""


def _misplaced(first: int, last: int) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(sql.load("find_misplaced"), {"first": first, "last": last})
        return {
            position: "the version before it is missing from the stream"
            if preceding is None
            else f"the version before it comes later in the log, at #{preceding}"
            for position, preceding in cursor.fetchall()
        }


def _difference(row: Row, what: str) -> Difference:
    return Difference(
        position=row.position,
        stream=row.stream,
        version=row.version,
        event_id=row.event_id,
        what=what,
    )
