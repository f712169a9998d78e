"""What the API and the admin ask: search, one user, one user at a moment, history."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from eventstore import repository, store
from eventstore.events import RecordedEvent
from eventstore.repository import Loaded
from projections.models import DirectoryEntry, UserPeriod
from users.aggregate import USER, User
from users.events import UserErased

FIELDS = ("name", "email", "status")  # of a user's state, in the order people read
POLL_SECONDS = 0.02  # between two looks at a row that is awaited


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs; None stands for "there was none"."""

    field: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One event of a user's history with what it changed and the state after it."""

    event: RecordedEvent
    changes: Sequence[Change]
    after: User | None


def users(
    *, at: datetime | None = None, as_of: datetime | None = None
) -> QuerySet[Any]:
    """Return the users there are, or were; rows with the same fields (``UserRow``).

    Args:
        at: As recorded at this instant.
        as_of: As it was true at this instant, by all that is known today (ADR-0017).
    """
    if at is not None:
        # Nothing known by then was recorded later: where the orders' indexes begin.
        return UserPeriod.objects.filter(
            recorded__contains=at, created_at__lte=at, updated_at__lte=at
        )
    if as_of is not None:
        return UserPeriod.objects.filter(valid__contains=as_of)
    return DirectoryEntry.objects.all()


def entry(user_id: UUID) -> DirectoryEntry | None:
    """Return a user's row of the directory, or None when there is none (yet)."""
    return DirectoryEntry.objects.filter(user_id=user_id).first()


def entry_at_least(
    user_id: UUID, version: int, *, seconds: float
) -> DirectoryEntry | None:
    """Return a user's row once it has come to *version*; None when the time ran out."""
    end = time.monotonic() + seconds
    while True:
        found = entry(user_id)
        if found is not None and found.version >= version:
            return found
        if time.monotonic() >= end:
            return None
        time.sleep(POLL_SECONDS)


def user(
    user_id: UUID,
    *,
    version: int | None = None,
    at: datetime | None = None,
    as_of: datetime | None = None,
) -> Loaded[User | None]:
    """Return a user as the log has it, and the event that was last.

    Args:
        user_id: Who.
        version: As it was at this version.
        at: As it was recorded at this instant.
        as_of: As it was true at this instant, by all that is known today (ADR-0017).
    """
    return repository.load(USER, user_id, version=version, at=at, as_of=as_of)


def history(user_id: UUID) -> list[Chapter]:
    """Return everything that happened to a user, oldest first.  One query."""
    return told(store.read_stream(USER.stream(user_id)))


def chapters(user_id: UUID, *, from_version: int, limit: int) -> list[Chapter]:
    """Return up to *limit* events of a user, oldest first, each with what it changed.

    Three queries; O(limit) and the events since the newest snapshot before them.
    """
    events = store.read_stream(
        USER.stream(user_id),
        from_version=from_version,
        to_version=from_version + limit - 1,
    )
    if from_version == 1 or not events:
        return told(events)
    return told(events, user(user_id, version=from_version - 1).state)


def known_by(
    user_id: UUID, *, at: datetime | None = None, as_of: datetime | None = None
) -> list[Chapter]:
    """Return what had happened to a user by an instant, in the order that counts then.

    One query; O(its events).
    """
    events = store.read_stream(USER.stream(user_id), at=at, as_of=as_of)
    if as_of is not None:
        events.sort(key=repository.in_order_of_truth)
    return told(events)


def in_order_of_truth(chapters: Sequence[Chapter]) -> list[Chapter]:
    """Return a whole history told anew, by when its events became true (ADR-0017)."""
    events = [chapter.event for chapter in chapters]
    return told(sorted(events, key=repository.in_order_of_truth))


def told(events: Iterable[RecordedEvent], before: User | None = None) -> list[Chapter]:
    """Return *events*, in the order given, each with what it changed since *before*."""
    chapters = []
    for event in events:
        after = USER.fold([event.payload], before)
        chapters.append(
            Chapter(event=event, changes=differences(before, after), after=after)
        )
        before = after
    return chapters


def differences(old: User | None, new: User | None) -> list[Change]:
    """Return the fields in which two states of a user differ."""
    changes = []
    for field in FIELDS:
        was, now = _value(old, field), _value(new, field)
        if was != now:
            changes.append(Change(field=field, old=was, new=now))
    return changes


def set_by(chapters: Sequence[Chapter]) -> dict[str, RecordedEvent]:
    """Return, for each field, the event that gave it the value it has at the end."""
    last = chapters[-1].event if chapters else None
    if last is not None and isinstance(last.payload, UserErased):
        return dict.fromkeys(FIELDS, last)
    return {
        change.field: chapter.event
        for chapter in chapters
        for change in chapter.changes
    }


def _value(state: User | None, field: str) -> str | None:
    return None if state is None else str(getattr(state, field))
