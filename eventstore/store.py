"""The only door to the log: append and read."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import psycopg
import uuid_utils.compat as uuid
from django.db import DatabaseError, connection

from eventstore import doorbell, sql
from eventstore.codec import decode, encode, type_of
from eventstore.errors import ConcurrencyError, EventIdTakenError, EventStoreError
from eventstore.events import Metadata, RecordedEvent
from eventstore.hashing import canonical, plain_hash, salted_hash

SALT_BYTES = 16
WRONG_VERSION = "AN001"  # SQLSTATE raised by append_events_v1


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Where the events of one append came to stand.

    Attributes:
        version: Version of the stream's last event.
        position: Position of the last event.
        recorded_at: Aware UTC; the same for all events of the append.
    """

    stream: str
    version: int
    position: int
    recorded_at: datetime


def append(
    stream: str,
    events: Sequence[object],
    *,
    expected_version: int,
    metadata: Metadata,
) -> Appended:
    """Append *events* to *stream* and say where they came to stand.

    Atomic: all events are stored or none.  One round trip.  Rings the doorbell after
    commit.

    Args:
        stream: Stream name, ``<category>-<id>``.
        events: At least one instance of an ``@event_type`` class.
        expected_version: Version the decision was taken on; ``NO_STREAM`` for a new
            stream.
        metadata: Circumstances, the same for all *events*.

    Raises:
        ConcurrencyError: The stream is not at *expected_version*.
        EventIdTakenError: A generated id exists already.
        PayloadError: A payload, a name or the metadata is outside the JSON profile.
        UnregisteredEventError: A class has no stored name.

    Source: ADR-0004 (global order), ADR-0010 (leaves).
    """
    if not events:
        message = "append needs at least one event"
        raise ValueError(message)
    canonical(stream)  # the leaf's header holds it
    parameters: dict[str, Any] = {
        "stream": stream,
        "expected_version": expected_version,
        **_columns(events),
        **_circumstances(metadata),
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.load("append"), parameters)
            position, version, recorded_at = cursor.fetchone()
    except DatabaseError as error:
        refusal = _refusal(error, stream, expected_version)
        if refusal is None:
            raise
        raise refusal from error
    doorbell.ring_after_commit()
    return Appended(
        stream=stream, version=version, position=position, recorded_at=recorded_at
    )


def read_stream(
    stream: str,
    *,
    from_version: int = 1,
    to_version: int | None = None,
    at: datetime | None = None,
    as_of: datetime | None = None,
) -> list[RecordedEvent]:
    """Return the events of one stream, oldest first; empty when there is none.

    Args:
        stream: Stream name.
        from_version: First version, inclusive.
        to_version: Last version, inclusive.
        at: Only what was recorded at or before this instant.
        as_of: Only what was true at or before this instant, by ``occurred_at``.
    """
    parameters: dict[str, Any] = {
        "stream": stream,
        "from_version": from_version,
        "to_version": to_version,
        "at": at,
        "as_of": as_of,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("read_stream"), parameters)
        return [recorded(row) for row in cursor.fetchall()]


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
    with connection.cursor() as cursor:
        cursor.execute(sql.load("read_all"), parameters)
        return [(row[-1], recorded(row)) for row in cursor.fetchall()]


def watermark() -> int:
    """Return the position up to which everything is final: committed or dead.

    Read it in a statement of its own, before the one that reads rows.

    Source: ADR-0004.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_watermark_v1()")
        position: int = cursor.fetchone()[0]
        return position


def recorded(row: Sequence[Any]) -> RecordedEvent:
    """Return the event of one row with the columns of ``read_stream.sql``."""
    return RecordedEvent(
        position=row[0],
        stream=row[1],
        version=row[2],
        event_id=row[3],
        type=row[4],
        schema_version=row[5],
        payload=decode(row[4], row[5], data := _json(row[6])),
        data=data,
        actor=row[7],
        source=row[8],
        correlation_id=row[9],
        causation_id=row[10],
        metadata=_json(row[11]),
        recorded_at=row[12],
        occurred_at=row[13],
    )


def _columns(events: Sequence[object]) -> dict[str, list[Any]]:
    types = [type_of(event) for event in events]
    data = [canonical(encode(event)) for event in events]
    salts = [secrets.token_bytes(SALT_BYTES) for _ in events]
    return {
        "event_ids": [uuid.uuid7() for _ in events],
        "types": [known.name for known in types],
        "schema_versions": [known.schema_version for known in types],
        "data": [payload.decode() for payload in data],
        "data_hashes": [
            salted_hash(salt, payload)
            for salt, payload in zip(salts, data, strict=True)
        ],
        "salts": salts,
    }


def _circumstances(metadata: Metadata) -> dict[str, Any]:
    # The leaf's header holds these: whoever recomputes it needs them canonical.
    canonical([metadata.actor, metadata.source])
    extra = canonical(metadata.extra)
    return {
        "actor": metadata.actor,
        "source": metadata.source,
        "correlation_id": metadata.correlation_id,
        "causation_id": metadata.causation_id,
        "metadata": extra.decode(),
        "meta_hash": plain_hash(extra),
        "occurred_at": metadata.occurred_at,
    }


def _refusal(
    error: DatabaseError, stream: str, expected: int
) -> EventStoreError | None:
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return None
    if cause.sqlstate == WRONG_VERSION:
        actual = int(cause.diag.message_detail or 0)
        return ConcurrencyError(stream, expected=expected, actual=actual)
    if cause.diag.constraint_name == "events_event_id_key":
        return EventIdTakenError(stream)
    return None


def _json(value: Any) -> Any:
    # Django's cursors hand jsonb over as text, its querysets as values.
    return orjson.loads(value) if isinstance(value, str) else value
