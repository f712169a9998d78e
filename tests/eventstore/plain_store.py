"""An event store in a dict: what the real one is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore import sealing
from eventstore.appends import Append, Appended, check, sealed_rows
from eventstore.codec import SEALED, decode
from eventstore.errors import ConcurrencyError, EventIdTakenError
from eventstore.events import ANY, STREAM_EXISTS, Metadata, RecordedEvent
from eventstore.vault import DataKey


class PlainStore:
    """Streams in a dict, positions counted; the same checks at the door."""

    def __init__(self) -> None:
        self.streams: dict[str, list[RecordedEvent]] = {}
        self.by_id: dict[UUID, RecordedEvent] = {}
        self.keys = _Keys()

    def append(
        self,
        stream: str,
        events: Sequence[object],
        *,
        expected_version: int,
        metadata: Metadata | None = None,
        event_ids: Sequence[UUID] = (),
    ) -> Appended:
        one = Append(
            stream=stream,
            events=events,
            expected_version=expected_version,
            metadata=metadata,
            event_ids=event_ids,
        )
        return self.append_many([one])[0]

    def append_many(self, appends: Sequence[Append]) -> list[Appended]:
        check(appends)
        rows = sealed_rows(appends, self.keys)
        ids = [event_id for append in appends for event_id in append.event_ids]
        if any(event_id in self.by_id for event_id in ids):
            return [self._repeated(append) for append in appends]
        for append in appends:
            self._refuse_a_wrong_version(append)
        now = datetime.now(UTC)
        for row in rows:
            self._store(appends[row["stream_of"] - 1].stream, row, now)
        return [_appended(self.streams[append.stream][-1]) for append in appends]

    def read_stream(
        self,
        stream: str,
        *,
        from_version: int = 1,
        to_version: int | None = None,
        at: datetime | None = None,
        as_of: datetime | None = None,
    ) -> list[RecordedEvent]:
        return [
            event
            for event in self.streams.get(stream, [])
            if event.version >= from_version
            and (to_version is None or event.version <= to_version)
            and (at is None or event.recorded_at <= at)
            and (as_of is None or event.occurred_at <= as_of)
        ]

    def _refuse_a_wrong_version(self, append: Append) -> None:
        expected = append.expected_version
        actual = len(self.streams.get(append.stream, []))
        fits = {ANY: True, STREAM_EXISTS: actual > 0}.get(expected, actual == expected)
        if not fits:
            raise ConcurrencyError(append.stream, expected=expected, actual=actual)

    def _repeated(self, append: Append) -> Appended:
        for event_id, event in zip(append.event_ids, append.events, strict=True):
            found = self.by_id.get(event_id)
            if found is None or (found.stream, found.payload) != (append.stream, event):
                raise EventIdTakenError(event_id)
        return _appended(self.by_id[append.event_ids[-1]])

    def _store(self, stream: str, row: dict[str, Any], now: datetime) -> None:
        known = self.streams.setdefault(stream, [])
        data = clear = orjson.loads(row["data"])
        if sealing.is_sealed(data):
            subject = data[SEALED]["subject"]
            place = sealing.event_place(row["event_ids"], stream, row["types"], subject)
            clear = sealing.opened(data, self.keys[subject].cipher, place)
        event = RecordedEvent(
            position=len(self.by_id) + 1,
            stream=stream,
            version=len(known) + 1,
            event_id=row["event_ids"],
            type=row["types"],
            schema_version=row["schema_versions"],
            payload=decode(row["types"], row["schema_versions"], clear),
            data=data,
            actor=row["actors"],
            source=row["sources"],
            correlation_id=row["correlation_ids"],
            causation_id=row["causation_ids"],
            metadata=orjson.loads(row["metadata"]),
            recorded_at=now,
            occurred_at=row["occurred_at"] or now,
        )
        known.append(event)
        self.by_id[event.event_id] = event


class _Keys(dict[str, DataKey]):
    """A key for whoever is asked about."""

    def __missing__(self, subject: str) -> DataKey:
        cipher = AESGCM(AESGCM.generate_key(256))
        self[subject] = DataKey(subject=subject, key_id=uuid4(), cipher=cipher)
        return self[subject]


def _appended(event: RecordedEvent) -> Appended:
    return Appended(
        stream=event.stream,
        version=event.version,
        position=event.position,
        recorded_at=event.recorded_at,
    )
