"""Folds kept at a version of a stream: take, load, discard.

Never trusted and never needed (ADR-0018): the log gives the same answer without them,
only later.  A snapshot of other code, of another history, or in a shape that does not
decode is passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import orjson
from django.db import connection

from eventstore import fingerprints, sql, store
from eventstore.aggregate import Aggregate
from eventstore.events import RecordedEvent
from eventstore.models import Snapshot

logger = logging.getLogger(__name__)

Kept = tuple[int, UUID, datetime, str]  # version, event_id, recorded_at, state


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Where a fold goes on.

    Attributes:
        state: The fold up to *version*.
        version: Events folded already; 0 without a snapshot.
        last: The event at *version*; None without a snapshot.
        recorded_until: The latest instant at which one of the folded events was
            recorded; None without a snapshot.
        events: What comes after, oldest first.
    """

    state: Any
    version: int
    last: RecordedEvent | None
    recorded_until: datetime | None
    events: Sequence[RecordedEvent]


@cache
def fingerprint(aggregate: Aggregate[Any, Any]) -> str | None:
    """Return the fingerprint of the fold of *aggregate*, computed once a process."""
    return fingerprints.fingerprint(aggregate)


def load(
    aggregate: Aggregate[Any, Any],
    stream: str,
    *,
    version: int | None = None,
    at: datetime | None = None,
) -> Tail:
    """Return the newest usable snapshot within the bounds, and the events after it.

    Two queries; a third when the snapshot turned out to be of no use.

    Args:
        aggregate: The rules; without a fingerprint no snapshot is used.
        stream: Stream name.
        version: Last version, inclusive.
        at: Only what was recorded at or before this instant.
    """
    row = _newest(aggregate, stream, version, at)
    if row is not None:
        events = store.read_stream(
            stream, from_version=row[0], to_version=version, at=at
        )
        if found := _usable(aggregate, stream, row, events):
            return found
    return unfolded(aggregate, store.read_stream(stream, to_version=version, at=at))


def load_many(
    aggregate: Aggregate[Any, Any], streams: Sequence[str]
) -> dict[str, Tail]:
    """Return for each of *streams* what :func:`load` returns, in their order.

    Two queries; one more for each stream whose snapshot turned out to be of no use.
    """
    kept = _newest_of(aggregate, streams)
    events: dict[str, list[RecordedEvent]] = {stream: [] for stream in streams}
    wanted = {stream: kept[stream][0] if stream in kept else 1 for stream in events}
    for event in store.read_streams(wanted):
        events[event.stream].append(event)
    tails = {}
    for stream, read in events.items():
        row = kept.get(stream)
        found = None if row is None else _usable(aggregate, stream, row, read)
        if row is not None and found is None:
            read = store.read_stream(stream)  # noqa: PLW2901 - from the beginning
        tails[stream] = found or unfolded(aggregate, read)
    return tails


def take(
    aggregate: Aggregate[Any, Any],
    stream: str,
    *,
    state: object,
    version: int,
    event_id: UUID,
    recorded_until: datetime,
) -> None:
    """Keep *state*, the fold of *stream* up to *version*.  Twice is as good as once.

    Args:
        aggregate: The rules; without a fingerprint nothing is kept.
        stream: Stream name.
        state: The fold.
        version: Version of the last event folded.
        event_id: Id of that event.
        recorded_until: The latest instant at which one of the events was recorded.
    """
    mark = fingerprint(aggregate)
    if mark is None:
        return
    parameters: dict[str, Any] = {
        "stream": stream,
        "version": version,
        "fingerprint": mark,
        "event_id": event_id,
        "recorded_at": recorded_until,
        "state": orjson.dumps(encoded(state)).decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("take_snapshot"), parameters)


def discard(*streams: str, except_of: Iterable[str | None] = ()) -> int:
    """Delete the snapshots of *streams*, or all; return how many there were.

    Args:
        streams: Whose; none given means everybody's.
        except_of: Keep those of these fingerprints.
    """
    doomed = Snapshot.objects.exclude(fingerprint__in=list(except_of))
    if streams:
        doomed = doomed.filter(stream__in=streams)
    count, _by_model = doomed.delete()
    return count


def unfolded(aggregate: Aggregate[Any, Any], events: Sequence[RecordedEvent]) -> Tail:
    """Return *events* as the tail of nothing: no snapshot is used."""
    return Tail(
        state=aggregate.initial,
        version=0,
        last=None,
        recorded_until=None,
        events=events,
    )


def encoded(state: object) -> Any:
    """Return *state* as the JSON values a snapshot keeps."""
    return msgspec.to_builtins(state)


def _newest(
    aggregate: Aggregate[Any, Any],
    stream: str,
    version: int | None,
    at: datetime | None,
) -> Kept | None:
    parameters: dict[str, Any] = {
        "stream": stream,
        "fingerprint": fingerprint(aggregate),
        "to_version": version,
        "at": at,
    }
    if parameters["fingerprint"] is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(sql.load("read_snapshot"), parameters)
        row: Kept | None = cursor.fetchone()
        return row


def _newest_of(
    aggregate: Aggregate[Any, Any], streams: Sequence[str]
) -> dict[str, Kept]:
    mark = fingerprint(aggregate)
    if mark is None:
        return {}
    parameters: dict[str, Any] = {"streams": list(streams), "fingerprint": mark}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("read_snapshots"), parameters)
        return {row[0]: row[1:] for row in cursor.fetchall()}


def _usable(
    aggregate: Aggregate[Any, Any],
    stream: str,
    row: Kept,
    events: Sequence[RecordedEvent],
) -> Tail | None:
    kept_at, event_id, recorded_until, kept = row
    # Its own event is read along: it is the last one when the tail is empty, and a
    # log restored from an older backup has another there, or none.
    if events and events[0].event_id == event_id:
        found = _folded(aggregate, events, recorded_until, kept)
        if found is not None:
            return found
    logger.warning("snapshot ignored", extra={"stream": stream, "version": kept_at})
    return None


def _folded(
    aggregate: Aggregate[Any, Any],
    events: Sequence[RecordedEvent],
    recorded_until: datetime,
    kept: str,
) -> Tail | None:
    first, *later = events
    try:
        state = msgspec.convert(orjson.loads(kept), aggregate.state_type)
    except msgspec.ValidationError:
        return None
    return Tail(
        state=state,
        version=first.version,
        last=first,
        recorded_until=recorded_until,
        events=later,
    )
