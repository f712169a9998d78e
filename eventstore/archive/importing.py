"""A file into the log: through the checks of append, with COPY, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
import psycopg.errors
from django.db import IntegrityError, connection, transaction

from eventstore import doorbell, history, sql, store, wire
from eventstore.archive import copying, persons
from eventstore.archive.candidates import candidate
from eventstore.archive.rows import Row
from eventstore.codec import tells_of_somebody
from eventstore.errors import ImportRefusedError
from eventstore.events import RecordedEvent

BATCH_SIZE = 2_000  # lines a transaction
CHUNK_SIZE = 100  # events the server gets at a time
RETRIES = 3  # batches that lost a race with a live append

Numbered = tuple[int, Row]  # line of the file, event
Place = tuple[str, int, bytes]  # stream, version, leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How far an import has come.

    Attributes:
        lines: Lines read.
        stored: Events stored.
        skipped: Events that were stored already, by an earlier run.
        keyless: Persons, counted once a batch, whose sealed data has no key here.
    """

    lines: int
    stored: int
    skipped: int
    keyless: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    last_line: int
    events: list[Numbered]


def import_events(
    lines: Iterable[bytes],
    *,
    allow_unknown: bool = False,
    on_batch: Callable[[Imported], None] | None = None,
) -> Imported:
    """Store the events that *lines* tell, behind those the log has.

    A transaction a batch, all of it or nothing.  Running it again goes on where it
    stopped: an event stored already, at the same place with an equal leaf, is skipped.
    ``recorded_at`` is kept.  Reactors that want no history pass the events by.

    Args:
        lines: One event each, in either form, each stream's versions ascending; read
            while this connection is busy.
        allow_unknown: Take events that this code cannot decode.
        on_batch: Told how far it is after every batch.

    Raises:
        ImportRefusedError: A line breaks a rule; nothing of its batch was stored, all
            earlier batches were.

    Source: ADR-0004 (global order), ADR-0019 (history).
    """
    done = Imported(lines=0, stored=0, skipped=0)
    ahead = _Ahead(lines, allow_unknown=allow_unknown)
    while batch := ahead.take():
        stored = _store_again(batch.events, ahead)
        done = Imported(
            lines=batch.last_line,
            stored=done.stored + stored,
            skipped=done.skipped + len(batch.events) - stored,
            keyless=done.keyless
            + persons.without_keys([row for _line, row in batch.events]),
        )
        if on_batch:
            on_batch(done)
    return done


class _Ahead:
    """Batches of checked lines; the next is checked while the server is at one."""

    def __init__(self, lines: Iterable[bytes], *, allow_unknown: bool) -> None:
        self._lines = enumerate(lines, 1)
        self._allow_unknown = allow_unknown
        self._begin()

    def _begin(self) -> None:
        self._read = self._last_line = 0
        self._events: list[Numbered] = []
        self._refusal: ImportRefusedError | None = None

    def take(self) -> _Batch | None:
        """Return the next batch, or None at the end.

        Raises:
            ImportRefusedError: One of its lines breaks a rule.
        """
        self.check(BATCH_SIZE)
        if self._refusal:
            raise self._refusal
        batch = _Batch(last_line=self._last_line, events=self._events)
        is_empty = not self._read
        self._begin()
        return None if is_empty else batch

    def check(self, count: int) -> None:
        """Check up to *count* more lines of the next batch; asks the database nothing.

        Never raises what `take` will.
        """
        if self._refusal:
            return
        for line, raw in islice(self._lines, min(count, BATCH_SIZE - self._read)):
            self._read += 1
            self._last_line = line
            if not raw.strip():
                continue
            try:
                checked = candidate(raw, line, allow_unknown=self._allow_unknown)
            except ImportRefusedError as error:
                self._refusal = error
                return
            self._events.append((line, checked))


def _store_again(batch: list[Numbered], ahead: _Ahead) -> int:
    tries = 0
    while True:
        try:
            with transaction.atomic():
                return _store(batch, ahead)
        except IntegrityError as error:
            # A live append took a place or an id meanwhile: look again, then tell.
            lost_race = isinstance(error.__cause__, psycopg.errors.UniqueViolation)
            if not lost_race or tries == RETRIES:
                raise
            tries += 1


def _store(batch: list[Numbered], ahead: _Ahead) -> int:
    new = list(_not_stored(batch))
    if not new:
        return 0
    _check_places(new)
    rows = persons.sealed([row for _line, row in new])
    positions = _draw_positions(len(rows))
    with (
        connection.wrap_database_errors,  # Django wraps what it knows, and not COPY
        connection.cursor() as cursor,
        cursor.copy(sql.load("copy_events")) as copy,
    ):
        lines = map(copying.line, positions, rows)
        while chunk := list(islice(lines, CHUNK_SIZE)):
            copy.write("".join(chunk))
            ahead.check(CHUNK_SIZE)
    persons.erase(rows)
    history.mark_imported(positions)
    doorbell.ring_after_commit()
    return len(rows)


def _not_stored(batch: list[Numbered]) -> Iterator[Numbered]:
    wanted = [row.event_id.hex for _line, row in batch]
    stored: dict[UUID, Place] = {
        event_id: (stream, version, bytes(leaf))
        for event_id, stream, version, leaf in _query(
            "find_by_ids", event_ids=wire.written(wanted)
        )
    }
    clear = _stored_of_those_in_clear(batch, stored)
    for line, row in batch:
        place = (row.stream, row.version, row.leaf)
        known = stored.setdefault(row.event_id, place)
        if known is place:
            yield line, row
        elif known != place:
            found = clear.get(row.event_id)
            if found is not None and persons.is_the_same(row, found):
                continue  # sealed, it has another leaf each time
            where = f"{known[0]} version {known[1]}"
            reason = f"event id {row.event_id} is taken by another event, {where}"
            raise ImportRefusedError(line, reason)


def _stored_of_those_in_clear(
    batch: list[Numbered], stored: Mapping[UUID, Place]
) -> dict[UUID, RecordedEvent]:
    doubtful = [
        row.event_id
        for _line, row in batch
        if row.event_id in stored
        and tells_of_somebody(row.type, orjson.loads(row.data))
    ]
    return {event.event_id: event for event in store.read_by_ids(doubtful)}


def _check_places(new: list[Numbered]) -> None:
    streams = wire.written(list({row.stream for _line, row in new}))
    heads: dict[str, tuple[int, datetime | None]] = {
        stream: (version, recorded_at)
        for stream, version, recorded_at in _query("find_heads", streams=streams)
    }
    ((now,),) = _query("read_clock")
    for line, row in new:
        head = heads.get(row.stream, (0, None))
        if reason := _misfit(row, head, now):
            raise ImportRefusedError(line, reason)
        heads[row.stream] = (row.version, row.recorded_at)


def _misfit(row: Row, head: tuple[int, datetime | None], now: datetime) -> str:
    version, recorded_at = head
    if row.version != version + 1:
        wanted = f"{row.stream} is at version {version}"
        return f"{wanted}, so version {version + 1} comes next and not {row.version}"
    # Time travel asks for "all up to an instant", which must be all up to a version.
    if recorded_at is not None and row.recorded_at < recorded_at:
        return f"recorded_at lies before that of {row.stream} version {version}"
    if row.recorded_at > now:
        return "recorded_at lies in the future, by the database's clock"
    return ""


def _draw_positions(count: int) -> list[int]:
    return [position for (position,) in _query("draw_positions", count=count)]


def _query(name: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.load(name), parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
