"""How events become rows of the directory: one ``project`` for live and for repair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never
from uuid import UUID

from eventstore.events import RecordedEvent, UnknownEvent
from eventstore.read_models import Table
from eventstore.subscriptions import Projection
from projections.models import DirectoryEntry
from users.aggregate import USER, user_id_of
from users.events import (
    UserCreated,
    UserEmailChanged,
    UserErased,
    UserEvent,
    UserNameChanged,
    UserStatusChanged,
)
from users.values import Status

ENTRIES = Table(model=DirectoryEntry, key=("user_id",))
FIELDS = (
    "name",
    "email",
    "status",
    "source",
    "created_at",
    "updated_at",
    "version",
    "position",
)


def project(row: DirectoryEntry | None, event: RecordedEvent) -> DirectoryEntry | None:
    """Return the row after *event*; one the row has seen already changes nothing.

    A person who was erased has none.
    """
    if isinstance(event.payload, UserErased):
        return None
    if row is None:
        row = _first_row(event)
    elif event.version <= row.version:
        return row
    if row is not None:
        _write(row, event.payload)
        row.version = event.version
        row.position = event.position
        row.updated_at = event.recorded_at
    return row


def fold(events: Iterable[RecordedEvent]) -> DirectoryEntry | None:
    """Return the row that the events of one user lead to, unsaved."""
    row: DirectoryEntry | None = None
    for event in events:
        row = project(row, event)
    return row


def by_user(events: Iterable[RecordedEvent]) -> dict[UUID, list[RecordedEvent]]:
    """Return the events of each user, in the order given; those of others left out."""
    streams: dict[str, list[RecordedEvent]] = {}
    for event in events:
        if event.category == USER.category:
            streams.setdefault(event.stream, []).append(event)
    return {user_id_of(stream): its_events for stream, its_events in streams.items()}


def apply(events: Sequence[RecordedEvent]) -> None:
    """Write a batch: read the rows it touches, fold in memory, write them at once."""
    touched = by_user(events)
    rows = DirectoryEntry.objects.in_bulk(list(touched))
    made, changed, gone = [], [], []
    for user_id, its_events in touched.items():
        row = rows.get(user_id)
        for event in its_events:
            row = project(row, event)
        if row is None:
            gone.append(user_id)
        elif user_id in rows:
            changed.append(row)
        else:
            made.append(row)
    if made:
        ENTRIES.insert(made)
    write(changed)
    delete(gone)


def write(rows: Sequence[DirectoryEntry]) -> None:
    """Insert or replace *rows* in one statement."""
    if rows:
        DirectoryEntry.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["user_id"],
            update_fields=FIELDS,
        )


def delete(user_ids: Sequence[UUID]) -> None:
    """Delete the rows of these users."""
    if user_ids:
        DirectoryEntry.objects.filter(user_id__in=user_ids).delete()


def forget(stream: str) -> None:
    """Delete the row of a user who is erased, if *stream* is a user's."""
    if stream.startswith(f"{USER.category}-"):
        delete([user_id_of(stream)])


def _first_row(event: RecordedEvent) -> DirectoryEntry | None:
    if not isinstance(event.payload, UserCreated):
        return None
    return DirectoryEntry(
        user_id=user_id_of(event.stream),
        source=event.source,
        created_at=event.recorded_at,
    )


def _write(row: DirectoryEntry, payload: UserEvent | UnknownEvent) -> None:
    match payload:
        case UserCreated():
            row.name = payload.name
            row.email = payload.email
            row.status = Status.ACTIVE.value
        case UserNameChanged():
            row.name = payload.new_name
        case UserEmailChanged():
            row.email = payload.new_email
        case UserStatusChanged():
            row.status = payload.new_status.value
        case UserErased():
            pass  # project() has no row for it
        case UnknownEvent():
            pass  # nothing this version could show
        case _:
            assert_never(payload)


DIRECTORY = Projection(
    name="directory",
    apply=apply,
    forget=forget,
    tables=(ENTRIES,),
    handles=UserEvent,
)
