"""What is handed to the log, and as which columns it arrives there."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid

from eventstore import circumstances
from eventstore.codec import encode, type_of
from eventstore.errors import EmptyAppendError, StreamNameError, StreamTwiceError
from eventstore.events import Metadata
from eventstore.hashing import canonical, plain_hash, salted_hash

SALT_BYTES = 16
STREAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}-[^\s\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Events for one stream.

    Attributes:
        events: At least one instance of an ``@event_type`` class.
        expected_version: Version the decision was taken on, or ``NO_STREAM``,
            ``STREAM_EXISTS``, ``ANY``.
        metadata: Circumstances of all events, or one an event; None means those of the
            context.
        event_ids: One an event, or none to have them made.
    """

    stream: str
    events: Sequence[object]
    expected_version: int
    metadata: Metadata | Sequence[Metadata] | None = None
    event_ids: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Where the events of one append came to stand.

    Attributes:
        version: Version of the stream's last event of the append.
        position: Position of that event.
        recorded_at: Aware UTC; the same for all events of the append.
    """

    stream: str
    version: int
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement of ``eventstore/sql`` and its parameters."""

    name: str
    parameters: dict[str, Any]


def statement(appends: Sequence[Append]) -> Statement:
    """Return what writes *appends*.

    Raises:
        EmptyAppendError, StreamNameError, StreamTwiceError, PayloadError,
        UnregisteredEventError, NoCircumstancesError: See ``store.append_many``.
    """
    rows = checked_rows(appends)
    may_repeat = any(append.event_ids for append in appends)
    if len(rows) == 1:
        one = {
            "stream": appends[0].stream,
            "expected": appends[0].expected_version,
            "may_repeat": may_repeat,
        }
        return Statement(name="append_one", parameters=one | rows[0])
    many = {
        "streams": [append.stream for append in appends],
        "expected": [append.expected_version for append in appends],
        "may_repeat": may_repeat,
        **{name: [row[name] for row in rows] for name in rows[0]},
    }
    return Statement(name="append", parameters=many)


def checked_rows(appends: Sequence[Append]) -> list[dict[str, Any]]:
    """Return one row an event, named as the parameters of ``append.sql``.

    Raises:
        EmptyAppendError, StreamNameError, StreamTwiceError, PayloadError,
        UnregisteredEventError, NoCircumstancesError: See ``store.append_many``.
    """
    _check(appends)
    return [
        _row(place, event, event_id, circumstance)
        for place, append in enumerate(appends, 1)
        for event, event_id, circumstance in zip(
            append.events, _ids(append), _circumstances(append), strict=True
        )
    ]


def _check(appends: Sequence[Append]) -> None:
    if not appends:
        raise EmptyAppendError
    for append in appends:
        if not STREAM_NAME.fullmatch(append.stream):
            raise StreamNameError(append.stream)
        canonical(append.stream)  # the leaf's header holds it
        if not append.events:
            raise EmptyAppendError(append.stream)
    (name, count), *_others = Counter(a.stream for a in appends).most_common(1)
    if count > 1:
        raise StreamTwiceError(name)


def _ids(append: Append) -> Sequence[UUID]:
    return append.event_ids or [uuid.uuid7() for _ in append.events]


def _row(
    place: int, event: object, event_id: UUID, circumstance: dict[str, Any]
) -> dict[str, Any]:
    known = type_of(event)
    data = canonical(encode(event))
    salt = secrets.token_bytes(SALT_BYTES)
    return {
        "stream_of": place,
        "event_ids": event_id,
        "types": known.name,
        "schema_versions": known.schema_version,
        "data": data.decode(),
        "data_hashes": salted_hash(salt, data),
        "salts": salt,
        **circumstance,
    }


def _circumstances(append: Append) -> list[dict[str, Any]]:
    if isinstance(append.metadata, Sequence):
        return [_circumstance(each) for each in append.metadata]
    shared = append.metadata or circumstances.current()
    return [_circumstance(shared)] * len(append.events)


def _circumstance(metadata: Metadata) -> dict[str, Any]:
    # The leaf's header holds these: whoever recomputes it needs them canonical.
    canonical([metadata.actor, metadata.source])
    extra = canonical(metadata.extra)
    return {
        "actors": metadata.actor,
        "sources": metadata.source,
        "correlation_ids": metadata.correlation_id,
        "causation_ids": metadata.causation_id,
        "metadata": extra.decode(),
        "meta_hashes": plain_hash(extra),
        "occurred_at": metadata.occurred_at,
    }
