"""Rows of the log as events: decoded, lifted, and their personal fields opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from eventstore import sealing, vault
from eventstore.codec import SEALED, decode
from eventstore.errors import NO_KEY, SealBrokenError
from eventstore.events import RecordedEvent, UnknownEvent
from eventstore.vault import Keys

COLUMNS = (
    "position",
    "stream",
    "version",
    "event_id",
    "type",
    "schema_version",
    "data",
    "actor",
    "source",
    "correlation_id",
    "causation_id",
    "metadata",
    "recorded_at",
    "occurred_at",
)


def recorded(
    found: Iterable[Sequence[Any]], keys: Keys | None = None
) -> list[RecordedEvent]:
    """Return the events of the rows *found*, which begin with ``COLUMNS``.

    One query for the keys of their subjects, if *keys* lacks any.  An event that cannot
    be opened has an :class:`UnknownEvent` as its payload.

    Args:
        found: Rows.
        keys: Keys found a moment ago.

    Raises:
        KeyRingError: The master keys are not those of this database.
    """
    rows = list(found)
    stored = [_json(row[6]) for row in rows]
    subjects = [_subject(data) for data in stored]
    known = keys or {}
    wanted = {each for each in subjects if each is not None}
    known = {**known, **vault.find(wanted - known.keys())}
    return [
        _event(row, data, subject, known)
        for row, data, subject in zip(rows, stored, subjects, strict=True)
    ]


def keys_of(found: Iterable[Sequence[Any]]) -> Keys:
    """Return the keys that :func:`recorded` needs for rows.  One query, or none."""
    subjects = {_subject(_json(row[6])) for row in found}
    return vault.find({each for each in subjects if each is not None})


def _subject(stored: Mapping[str, Any]) -> str | None:
    return stored[SEALED]["subject"] if sealing.is_sealed(stored) else None


def _event(
    row: Sequence[Any], stored: Mapping[str, Any], subject: str | None, keys: Keys
) -> RecordedEvent:
    data, is_erased, problem = _opened(row, stored, subject, keys)
    return RecordedEvent(
        position=row[0],
        stream=row[1],
        version=row[2],
        event_id=row[3],
        type=row[4],
        schema_version=row[5],
        payload=UnknownEvent(type=row[4], data=data, problem=problem)
        if problem
        else decode(row[4], row[5], data),
        data=data,
        actor=row[7],
        source=row[8],
        correlation_id=row[9],
        causation_id=row[10],
        metadata=_json(row[11]),
        recorded_at=row[12],
        occurred_at=row[13],
        is_erased=is_erased,
    )


def _opened(
    row: Sequence[Any], stored: Mapping[str, Any], subject: str | None, keys: Keys
) -> tuple[Mapping[str, Any], bool, str]:
    """Return the payload in clear, whether it is erased, and what stood in the way."""
    if subject is None:
        return stored, False, ""
    if subject not in keys:
        return stored, False, NO_KEY
    key = keys[subject]
    if key is None:
        return sealing.erased(stored), True, ""
    place = sealing.event_place(row[3], row[1], row[4], subject)
    try:
        return sealing.opened(stored, key.cipher, place), False, ""
    except SealBrokenError as error:
        return stored, False, type(error).__name__


def _json(value: Any) -> Any:
    # Django's cursors hand jsonb over as text, its querysets as values.
    return orjson.loads(value) if isinstance(value, str) else value
