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
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import orjson
from django.db import connection

from eventstore import fingerprints, sealing, sql, store, vault, wire
from eventstore.aggregate import Aggregate
from eventstore.errors import SealBrokenError
from eventstore.events import RecordedEvent
from eventstore.models import Snapshot
from eventstore.vault import DataKey, Keys

logger = logging.getLogger(__name__)


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


class Kept(NamedTuple):
    """A snapshot as ``read_snapshot.sql`` returns it; its state is JSON text."""

    version: int
    event_id: UUID
    recorded_until: datetime
    state: str


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
    kept, keys = _newest(aggregate, stream, version, at)
    if kept is not None:
        events = store.read_stream(
            stream, from_version=kept.version, to_version=version, at=at, keys=keys
        )
        if found := _usable(aggregate, stream, kept, events, keys.get(stream)):
            return found
    events = store.read_stream(stream, to_version=version, at=at, keys=keys)
    return unfolded(aggregate, events)


def load_many(
    aggregate: Aggregate[Any, Any], streams: Sequence[str]
) -> dict[str, Tail]:
    """Return for each of *streams* what :func:`load` returns, in their order.

    Two queries; one more for each stream whose snapshot turned out to be of no use.
    """
    kept, keys = _newest_of(aggregate, streams)
    events: dict[str, list[RecordedEvent]] = {stream: [] for stream in streams}
    wanted = {s: kept[s].version if s in kept else 1 for s in events}
    for event in store.read_streams(wanted, keys=keys):
        events[event.stream].append(event)
    tails = {}
    for stream, read in events.items():
        row = kept.get(stream)
        found = row and _usable(aggregate, stream, row, read, keys.get(stream))
        if row is not None and found is None:
            read = store.read_stream(stream, keys=keys)  # noqa: PLW2901 - from the beginning
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

    Sealed under the key of *stream*, if it has one; not kept when that was destroyed.

    Args:
        aggregate: The rules; without a fingerprint nothing is kept.
        stream: Stream name.
        state: The fold.
        version: Version of the last event folded.
        event_id: Id of that event.
        recorded_until: The latest instant at which one of the events was recorded.
    """
    mark = fingerprint(aggregate)
    keys = vault.find([stream])
    key = keys.get(stream)
    if mark is None or (stream in keys and key is None):
        return
    kept: dict[str, Any] = {"clear": encoded(state)}
    if key is not None:
        content = orjson.dumps(encoded(state))
        place = _place(stream, event_id)
        kept = {"sealed": sealing.seal(key.cipher, content, place)}
    parameters: dict[str, Any] = {
        "stream": stream,
        "version": version,
        "fingerprint": mark,
        "event_id": event_id,
        "recorded_at": recorded_until,
        "state": orjson.dumps(kept).decode(),
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


def opened(stream: str, event_id: UUID, kept: object, key: DataKey | None) -> Any:
    """Return the state that a snapshot of *stream* at the event *event_id* keeps.

    Raises:
        SealBrokenError: It does not open under *key*.
    """
    match kept:
        case {"clear": state}:
            return state
        case {"sealed": str(blob)} if key is not None:
            place = _place(stream, event_id)
            return orjson.loads(sealing.unseal(key.cipher, blob, place))
        case _:
            raise SealBrokenError


def _place(stream: str, event_id: UUID) -> bytes:
    return f"snapshot\n{stream}\n{event_id}".encode()


def _newest(
    aggregate: Aggregate[Any, Any],
    stream: str,
    version: int | None,
    at: datetime | None,
) -> tuple[Kept | None, Keys]:
    """Return the newest snapshot within the bounds, and the key of the stream."""
    parameters: dict[str, Any] = {
        "stream": stream,
        "fingerprint": fingerprint(aggregate),
        "to_version": version,
        "at": at,
    }
    if parameters["fingerprint"] is None:
        return None, {}
    ((subject, key_id, epoch, wrapped, *found),) = wire.rows(
        "read_snapshot", parameters
    )
    keys = (
        {}
        if subject is None
        else {stream: vault.key_of((stream, key_id, epoch, wrapped))}
    )
    return (Kept(*found) if found[0] is not None else None), keys


def _newest_of(
    aggregate: Aggregate[Any, Any], streams: Sequence[str]
) -> tuple[dict[str, Kept], Keys]:
    mark = fingerprint(aggregate)
    if mark is None:
        return {}, {}
    parameters: dict[str, Any] = {"streams": list(streams), "fingerprint": mark}
    with connection.cursor() as cursor:
        cursor.execute(sql.load("read_snapshots"), parameters)
        rows = cursor.fetchall()
    keys = {row[0]: vault.key_of((row[0], *row[1:4])) for row in rows if row[1]}
    return {row[0]: Kept(*row[4:]) for row in rows if row[4] is not None}, keys


def _usable(
    aggregate: Aggregate[Any, Any],
    stream: str,
    kept: Kept,
    events: Sequence[RecordedEvent],
    key: DataKey | None,
) -> Tail | None:
    # Its own event is read along: it is the last one when the tail is empty, and a
    # log restored from an older backup has another there, or none.
    if events and events[0].event_id == kept.event_id:
        found = _folded(aggregate, events, kept, key)
        if found is not None:
            return found
    where = {"stream": stream, "version": kept.version}
    logger.warning("snapshot ignored", extra=where)
    return None


def _folded(
    aggregate: Aggregate[Any, Any],
    events: Sequence[RecordedEvent],
    kept: Kept,
    key: DataKey | None,
) -> Tail | None:
    first, *later = events
    try:
        clear = opened(first.stream, first.event_id, orjson.loads(kept.state), key)
        state = msgspec.convert(clear, aggregate.state_type)
    except (SealBrokenError, msgspec.ValidationError):
        return None
    return Tail(
        state=state,
        version=first.version,
        last=first,
        recorded_until=kept.recorded_until,
        events=later,
    )
