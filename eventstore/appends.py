"""What is handed to the log, and as which columns it arrives there."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid

from eventstore import circumstances, sealing, tracing, vault
from eventstore.codec import encode, type_of
from eventstore.errors import EmptyAppendError, StreamNameError, StreamTwiceError
from eventstore.events import ERASED, NO_STREAM, Metadata
from eventstore.hashing import canonical, plain_hash, salted_hash
from eventstore.vault import DataKey

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
    """A statement of ``eventstore/sql`` and its parameters, as ``wire`` takes them."""

    name: str
    parameters: Mapping[str, Any]


def statement(appends: Sequence[Append], *, ask_for_keys: bool = False) -> Statement:
    """Return what writes *appends*, personal fields sealed.

    At most one query, for keys this process does not remember.

    Args:
        appends: At least one.
        ask_for_keys: Remember none: they proved to be out of date.

    Raises:
        EmptyAppendError, StreamNameError, StreamTwiceError, PayloadError,
        UnregisteredEventError, NoCircumstancesError, KeyRingError: See
            ``store.append_many``.
    """
    check(appends)
    keys = _keys(appends, ask=ask_for_keys)
    rows = sealed_rows(appends, keys)
    held = vault.held(keys.values())
    may_repeat = any(append.event_ids for append in appends)
    if len(rows) == 1:
        one = {
            "stream": appends[0].stream,
            "expected": appends[0].expected_version,
            "may_repeat": may_repeat,
            "subject": next(iter(held["subjects"]), None),
            "key_id": next(iter(held["key_ids"]), None),
            "wrapped_key": next(iter(held["wrapped_keys"]), None),
        }
        return Statement(name="append_one", parameters=held | one | rows[0])
    many = {
        "streams": [append.stream for append in appends],
        "expected": [append.expected_version for append in appends],
        "may_repeat": may_repeat,
        **{name: [row[name] for row in rows] for name in rows[0]},
    }
    return Statement(name="append", parameters=held | many)


def sealed_rows(
    appends: Sequence[Append], keys: Mapping[str, DataKey | None]
) -> list[dict[str, Any]]:
    """Return one row an event, named as the parameters of ``append.sql``.

    Args:
        appends: At least one.
        keys: See :func:`sealed_payload`.

    Raises:
        PayloadError, UnregisteredEventError, NoCircumstancesError: See
            ``store.append_many``.
    """
    return [
        _row(place, event, event_id, append.stream, keys) | circumstance
        for place, append in enumerate(appends, 1)
        for event, event_id, circumstance in zip(
            append.events, _ids(append), _circumstances(append), strict=True
        )
    ]


def sealed_payload(
    event: object, event_id: UUID, stream: str, keys: Mapping[str, DataKey | None]
) -> dict[str, Any]:
    """Return what is stored of *event*: its personal fields sealed for their subject.

    Of a person who was erased nothing is recorded: the fields read ``[erased]``.

    Args:
        event: An instance of an ``@event_type`` class.
        event_id: Its id.
        stream: Where it will stand.
        keys: A key, or None for "destroyed", for each subject.
    """
    known = type_of(event)
    payload = encode(event)
    if not known.personal:
        return payload
    subject = known.subject_of(stream, event)
    key = keys[subject]
    if key is None:
        return payload | dict.fromkeys(known.personal, ERASED)
    return sealing.sealed(
        payload,
        known.personal,
        cipher=key.cipher,
        subject=subject,
        place=sealing.event_place(event_id, stream, known.name, subject),
    )


def _keys(appends: Sequence[Append], *, ask: bool) -> Mapping[str, DataKey | None]:
    subjects = [
        known.subject_of(append.stream, event)
        for append in appends
        for event in append.events
        if (known := type_of(event)).personal
    ]
    if not subjects:
        return {}
    if ask:
        vault.forget(*subjects)
        return vault.for_sealing(subjects)
    new = {each.stream for each in appends if each.expected_version == NO_STREAM}
    return vault.for_sealing(subjects, certainly_new=new)


def check(appends: Sequence[Append]) -> None:
    """Refuse what no store takes.

    Raises:
        EmptyAppendError, StreamNameError, StreamTwiceError, PayloadError: See
            ``store.append_many``.
    """
    if not appends:
        raise EmptyAppendError
    for append in appends:
        if not STREAM_NAME.fullmatch(append.stream):
            raise StreamNameError(append.stream)
        canonical(append.stream)  # the leaf's header holds it
        if not append.events:
            raise EmptyAppendError(append.stream)
    if len(appends) > 1:
        (name, count), *_ = Counter(each.stream for each in appends).most_common(1)
        if count > 1:
            raise StreamTwiceError(name)


def _ids(append: Append) -> Sequence[UUID]:
    return append.event_ids or [uuid.uuid7() for _ in append.events]


def _row(
    place: int,
    event: object,
    event_id: UUID,
    stream: str,
    keys: Mapping[str, DataKey | None],
) -> dict[str, Any]:
    known = type_of(event)
    data = canonical(sealed_payload(event, event_id, stream, keys))
    salt = secrets.token_bytes(SALT_BYTES)
    return {
        "stream_of": place,
        "event_ids": event_id,
        "types": known.name,
        "schema_versions": known.schema_version,
        "data": data.decode(),
        "data_hashes": salted_hash(salt, data),
        "salts": salt,
    }


def _circumstances(append: Append) -> list[dict[str, Any]]:
    if isinstance(append.metadata, Sequence):
        return [_circumstance(each) for each in append.metadata]
    shared = append.metadata or circumstances.current()
    return [_circumstance(shared)] * len(append.events)


def _circumstance(metadata: Metadata) -> dict[str, Any]:
    # The leaf's header holds these: whoever recomputes it needs them canonical.
    canonical([metadata.actor, metadata.source])
    extra = canonical({**metadata.extra, **tracing.ids()})
    return {
        "actors": metadata.actor,
        "sources": metadata.source,
        "correlation_ids": metadata.correlation_id,
        "causation_ids": metadata.causation_id,
        "metadata": extra.decode(),
        "meta_hashes": plain_hash(extra),
        "occurred_at": metadata.occurred_at,
    }
