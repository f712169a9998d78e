"""A file into the log: through the checks of append, with COPY, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg.errors
from django.db import IntegrityError, connection, transaction

from eventstore import doorbell, history, sql
from eventstore.archive.candidates import candidate
from eventstore.archive.rows import Row
from eventstore.errors import ImportRefusedError

BATCH_SIZE = 2_000  # lines a transaction
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
    """

    lines: int
    stored: int
    skipped: int


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
        lines: One event each, in either form, each stream's versions ascending.
        allow_unknown: Take events that this code cannot decode.
        on_batch: Told how far it is after every batch.

    Raises:
        ImportRefusedError: A line breaks a rule; nothing of its batch was stored, all
            earlier batches were.

    Source: ADR-0004 (global order), ADR-0019 (history).
    """
    done = Imported(lines=0, stored=0, skipped=0)
    numbered = enumerate(lines, 1)
    while taken := list(islice(numbered, BATCH_SIZE)):
        batch = list(_candidates(taken, allow_unknown=allow_unknown))
        stored = _store_again(batch)
        done = Imported(
            lines=taken[-1][0],
            stored=done.stored + stored,
            skipped=done.skipped + len(batch) - stored,
        )
        if on_batch:
            on_batch(done)
    return done


def _candidates(
    taken: Iterable[tuple[int, bytes]], *, allow_unknown: bool
) -> Iterator[Numbered]:
    for line, raw in taken:
        if raw.strip():
            yield line, candidate(raw, line, allow_unknown=allow_unknown)


def _store_again(batch: list[Numbered]) -> int:
    tries = 0
    while True:
        try:
            with transaction.atomic():
                return _store(batch)
        except IntegrityError as error:
            # A live append took a place or an id meanwhile: look again, then tell.
            lost_race = isinstance(error.__cause__, psycopg.errors.UniqueViolation)
            if not lost_race or tries == RETRIES:
                raise
            tries += 1


def _store(batch: list[Numbered]) -> int:
    new = list(_not_stored(batch))
    if not new:
        return 0
    _check_places(new)
    rows = [row for _line, row in new]
    positions = _draw_positions(len(rows))
    with (
        connection.wrap_database_errors,  # Django wraps what it knows, and not COPY
        connection.cursor() as cursor,
        cursor.copy(sql.load("copy_events")) as copy,
    ):
        for position, row in zip(positions, rows, strict=True):
            copy.write_row((position, *row[1:]))
    history.mark_imported(positions)
    doorbell.ring_after_commit()
    return len(rows)


def _not_stored(batch: list[Numbered]) -> Iterator[Numbered]:
    wanted = [row.event_id for _line, row in batch]
    stored: dict[UUID, Place] = {
        event_id: (stream, version, bytes(leaf))
        for event_id, stream, version, leaf in _query("find_by_ids", event_ids=wanted)
    }
    for line, row in batch:
        place = (row.stream, row.version, row.leaf)
        known = stored.setdefault(row.event_id, place)
        if known is place:
            yield line, row
        elif known != place:
            where = f"{known[0]} version {known[1]}"
            reason = f"event id {row.event_id} is taken by another event, {where}"
            raise ImportRefusedError(line, reason)


def _check_places(new: list[Numbered]) -> None:
    streams = list({row.stream for _line, row in new})
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
