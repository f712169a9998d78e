"""What the API and the admin ask: search, one user, one user at a moment, history."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet

from eventstore import repository, store
from eventstore.events import RecordedEvent
from eventstore.repository import Loaded
from projections.models import DirectoryEntry
from users.aggregate import USER, User
from users.events import UserErased

FIELDS = ("name", "email", "status")  # of a user's state, in the order people read
POLL_SECONDS = 0.02  # between two looks at a row that is awaited
CURSOR_SALT = "directory"


class CursorError(Exception):
    """A cursor was not made by this installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryPage:
    """One page of the directory, newest users first.

    Attributes:
        cursor: Where the next page begins; None on the last one.
    """

    entries: Sequence[DirectoryEntry]
    cursor: str | None


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


def matching(words: str) -> Q:
    """Return the condition "every word occurs in the name or the e-mail address"."""
    condition = Q()
    for word in words.lower().split():
        condition &= Q(search_text__contains=word)
    return condition


def page(
    found: QuerySet[DirectoryEntry], *, cursor: str | None = None, limit: int = 50
) -> DirectoryPage:
    """Return up to *limit* entries of *found*, newest users first.  One query.

    Raises:
        CursorError: *cursor* is not one of ours.
    """
    if cursor:
        created_at, user_id = _opened(cursor)
        found = found.filter(
            Q(created_at__lt=created_at) | Q(created_at=created_at, user_id__lt=user_id)
        )
    entries = list(found.order_by("-created_at", "-user_id")[: limit + 1])
    if len(entries) <= limit:
        return DirectoryPage(entries=entries, cursor=None)
    last = entries[limit - 1]
    sealed = signing.dumps(
        [last.created_at.isoformat(), str(last.user_id)], salt=CURSOR_SALT
    )
    return DirectoryPage(entries=entries[:limit], cursor=sealed)


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


def in_order_of_truth(chapters: Sequence[Chapter]) -> list[Chapter]:
    """Return a whole history told anew, by when its events became true (ADR-0017)."""
    events = [chapter.event for chapter in chapters]
    return told(sorted(events, key=repository.in_order_of_truth))


def told(events: Iterable[RecordedEvent]) -> list[Chapter]:
    """Return *events*, in the order given, each with what it changed."""
    chapters = []
    before: User | None = None
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


def _opened(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, user_id = signing.loads(cursor, salt=CURSOR_SALT)
        return datetime.fromisoformat(created_at), UUID(user_id)
    except (signing.BadSignature, ValueError) as error:
        raise CursorError from error
