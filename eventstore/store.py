"""The only door to the log: append and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
import psycopg
from django.db import DatabaseError, connection, transaction

from eventstore import doorbell, tracing, vault, wire
from eventstore.appends import Append, Appended, Statement, statement
from eventstore.codec import (
    encode,
    erasing_types,
    fields,
    personal_types,
    tells_of_somebody,
    type_of,
)
from eventstore.errors import (
    ConcurrencyError,
    EventIdTakenError,
    EventStoreError,
    UnsealedError,
)
from eventstore.events import ANY, ERASED, Metadata, RecordedEvent
from eventstore.reading import recorded
from eventstore.vault import Keys

WRONG_VERSION = "AN001"  # SQLSTATE raised by append_events_v3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Written = tuple[int, int, int, datetime]  # place of the stream, version, position, when
ANY_RETRIES = 20  # lost races after which even ANY is told


def append(
    stream: str,
    events: Sequence[object],
    *,
    expected_version: int,
    metadata: Metadata | None = None,
    event_ids: Sequence[UUID] = (),
) -> Appended:
    """Append *events* to *stream* and say where they came to stand.

    Atomic: all events are stored or none.  One round trip.  Rings the doorbell after
    commit.  With *event_ids* it may be repeated: the same events under the same ids
    return what the first call returned, and store nothing.

    Personal fields are sealed under their subject's key, which is made when there is
    none; of a person who was erased ``[erased]`` is recorded.  An event whose type
    erases destroys the key of *stream* in the same transaction (ADR-0009).

    Args:
        stream: Stream name, ``<category>-<id>``.
        events: At least one instance of an ``@event_type`` class.
        expected_version: Version the decision was taken on, or ``NO_STREAM``,
            ``STREAM_EXISTS``, ``ANY``.
        metadata: Circumstances of all *events*; those of the context when left out.
        event_ids: One a event; made here when left out.

    Raises:
        ConcurrencyError: The stream is not at *expected_version*.
        EmptyAppendError: *events* is empty.
        EventIdTakenError: An id is stored already with other content.
        KeyRingError: The master keys are not those of this database.
        NoCircumstancesError: Neither *metadata* nor the context says who is acting.
        PayloadError: A payload or the metadata is outside the JSON profile.
        StreamNameError: *stream* is no stream name.
        UnsealedError: An event erases, and an older one of *stream* was never sealed.
        UnregisteredEventError: A class has no stored name.

    Source: ADR-0004 (global order), ADR-0010 (leaves).
    """
    one = Append(
        stream=stream,
        events=events,
        expected_version=expected_version,
        metadata=metadata,
        event_ids=event_ids,
    )
    return append_many([one])[0]


def append_many(appends: Sequence[Append]) -> list[Appended]:
    """Append to several streams and say, for each, where its events came to stand.

    Atomic over all streams, one round trip (one more for keys this process does not
    remember); otherwise as :func:`append`.

    Raises:
        StreamTwiceError: Two of *appends* name one stream.
    """
    events = sum(len(append.events) for append in appends)
    with tracing.span("append", {"annals.events": events}) as tell:
        done = _append_with_retries(appends)
        last = done[-1]
        tell({"annals.stream": last.stream, "annals.position": last.position})
        return done


def read_stream(
    stream: str,
    *,
    from_version: int = 1,
    to_version: int | None = None,
    at: datetime | None = None,
    as_of: datetime | None = None,
    keys: Keys | None = None,
) -> list[RecordedEvent]:
    """Return the events of one stream, oldest first; empty when there is none.

    Args:
        stream: Stream name.
        from_version: First version, inclusive.
        to_version: Last version, inclusive.
        at: Only what was recorded at or before this instant.
        as_of: Only what was true at or before this instant, by ``occurred_at``.
        keys: Keys found a moment ago, to be asked for no more.
    """
    parameters: dict[str, Any] = {
        "stream": stream,
        "from_version": from_version,
        "to_version": to_version,
        "at": at,
        "as_of": as_of,
    }
    return recorded(wire.rows("read_stream", parameters), keys)


def read_streams(
    from_versions: Mapping[str, int], *, keys: Keys | None = None
) -> list[RecordedEvent]:
    """Return the events of several streams, each stream's oldest first.  One query.

    Args:
        from_versions: Stream names, each with the first version wanted, inclusive.
        keys: See :func:`read_stream`.
    """
    parameters: dict[str, Any] = {
        "streams": list(from_versions),
        "from_versions": list(from_versions.values()),
    }
    return recorded(wire.rows("read_streams", parameters), keys)


def read_all(
    *, after: int, until: int, buckets: Sequence[int], limit: int
) -> list[tuple[int, RecordedEvent]]:
    """Return up to *limit* events with their buckets, in order of position.

    Args:
        after: Position, exclusive.
        until: Position, inclusive: a watermark read in an earlier statement.
        buckets: Only events whose stream falls in one of these.
        limit: At most so many events.
    """
    parameters: dict[str, Any] = {
        "after": after,
        "until": until,
        "buckets": list(buckets),
        "size": limit,
    }
    events = recorded(wire.rows("read_all", parameters))
    return [(bucket_of(event.stream), event) for event in events]


def read_in_streams(
    *, after: tuple[str, int], until: int, limit: int
) -> list[RecordedEvent]:
    """Return up to *limit* events in order of stream name, then version.

    Args:
        after: Stream and version to go on after; ``("", 0)`` begins.
        until: Position, inclusive: a watermark read in an earlier statement.
        limit: At most so many events.
    """
    stream, version = after
    wanted = {"stream": stream, "version": version, "until": until, "size": limit}
    return recorded(wire.rows("read_in_streams", wanted))


def count(*, until: int) -> int:
    """Return how many events there are up to a position.  O(events)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events WHERE position <= %s", [until])
        found: int = cursor.fetchone()[0]
        return found


def erased_after(position: int) -> list[str]:
    """Return the streams whose persons were erased after a position, final or not."""
    wanted = {"types": erasing_types(), "after": position}
    return [stream for (stream,) in wire.rows("find_erased_since", wanted)]


def bucket_of(stream: str) -> int:
    """Return in which of the 16 buckets a stream lies; as ``event_bucket_v1``."""
    return sha256(stream.encode()).digest()[0] & 15


def read_by_ids(event_ids: Sequence[UUID]) -> list[RecordedEvent]:
    """Return the events that have these ids, in order of position; none for none."""
    if not event_ids:
        return []
    return recorded(wire.rows("read_by_ids", {"event_ids": list(event_ids)}))


def watermark() -> int:
    """Return the position up to which everything is final: committed or dead.

    Read it in a statement of its own, before the one that reads rows.

    Source: ADR-0004.
    """
    ((position,),) = wire.rows("read_watermark", {})
    return int(position)


def _erased_by(appends: Sequence[Append]) -> list[str]:
    return [
        append.stream
        for append in appends
        if any(type_of(event).erases for event in append.events)
    ]


def _refuse_unsealed(stream: str) -> None:
    parameters = {"stream": stream, "types": personal_types()}
    for position, type_name, data in wire.rows("find_unsealed", parameters):
        if tells_of_somebody(type_name, orjson.loads(data)):
            raise UnsealedError(stream, position)


def _append_with_retries(appends: Sequence[Append]) -> list[Appended]:
    tries = 0
    while True:
        try:
            return _append(appends)
        except (ConcurrencyError, EventIdTakenError) as error:
            if connection.in_atomic_block or tries >= _retries(error, appends):
                raise
            tries += 1


def _append(appends: Sequence[Append]) -> list[Appended]:
    erased = _erased_by(appends)
    with transaction.atomic() if erased else nullcontext():
        rows = _write(appends)
        if not rows:
            return _first_result(appends)
        for stream in sorted(erased):
            _refuse_unsealed(stream)
            vault.destroy(stream)
    doorbell.ring_after_commit()
    return [
        Appended(
            stream=appends[place - 1].stream,
            version=version,
            position=position,
            recorded_at=recorded_at,
        )
        for place, version, position, recorded_at in rows
    ]


def _write(appends: Sequence[Append]) -> list[Written]:
    wanted = statement(appends)
    while True:
        rows = _execute(wanted)
        if not rows or rows[0][1] > 0:
            return rows
        # A key was not its subject's, so nothing was written: seal anew.
        wanted = statement(appends, ask_for_keys=True)


def _execute(wanted: Statement) -> list[Written]:
    try:
        return [_written(row) for row in wire.call(wanted.name, wanted.parameters)]
    except DatabaseError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error


def _written(row: Sequence[str | None]) -> Written:
    place, version, position, microseconds = (int(each or 0) for each in row)
    return place, version, position, EPOCH + timedelta(microseconds=microseconds)


def _refusal(error: DatabaseError) -> EventStoreError | None:
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return None
    if cause.sqlstate == WRONG_VERSION:
        facts = orjson.loads(cause.diag.message_detail or "{}")
        return ConcurrencyError(
            facts["stream"], expected=facts["expected"], actual=facts["actual"]
        )
    if cause.diag.constraint_name == "events_event_id_key":
        return EventIdTakenError(None)
    return vault.refusal(error)


def _retries(error: EventStoreError, appends: Sequence[Append]) -> int:
    # ANY lost a race it did not care about; a repeated id may have lost one to itself.
    if isinstance(error, ConcurrencyError) and error.expected == ANY:
        return ANY_RETRIES
    return int(any(append.event_ids for append in appends))


def _first_result(appends: Sequence[Append]) -> list[Appended]:
    """Return what the first call with these ids returned, if it was the same call."""
    wanted = [event_id for append in appends for event_id in append.event_ids]
    stored = {event.event_id: event for event in read_by_ids(wanted)}
    results = []
    for append in appends:
        for event_id, event in zip(append.event_ids, append.events, strict=True):
            found = stored.get(event_id)
            if found is None or not _is_same(found, append.stream, event):
                raise EventIdTakenError(event_id)
        last = stored[append.event_ids[-1]]
        results.append(
            Appended(
                stream=last.stream,
                version=last.version,
                position=last.position,
                recorded_at=last.recorded_at,
            )
        )
    return results


def _is_same(found: RecordedEvent, stream: str, event: object) -> bool:
    """Say whether *event* is what was stored; what was erased cannot be compared."""
    known = type_of(event)
    if (found.stream, found.type) != (stream, known.name):
        return False
    told, kept = encode(event), fields(found)
    erased = {name for name in known.personal if kept.get(name) == ERASED}
    return all(told[name] == kept.get(name) for name in told.keys() - erased)
