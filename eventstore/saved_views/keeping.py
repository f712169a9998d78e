"""Saving, listing and deleting views; each change is an event, and the row its fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import connection, transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower

from eventstore import circumstances, store, wire
from eventstore.events import NO_STREAM
from eventstore.models import StoredEvent
from eventstore.reading import COLUMNS, recorded
from eventstore.saved_views.errors import (
    TooManyViewsError,
    ViewGoneError,
    ViewNameTakenError,
    ViewNotYoursError,
)
from eventstore.saved_views.events import (
    CATEGORY,
    ViewDeleted,
    ViewEvent,
    ViewSaved,
    ViewShared,
)
from eventstore.saved_views.models import SavedView

NAME_LENGTH = 60  # characters
MOST_VIEWS = 20  # of a person, and shared with a role
LOCK = 7344  # advisory; views are saved one at a time, so that a count holds
COLUMNS_OF_VIEW = [field.attname for field in SavedView._meta.concrete_fields]  # noqa: SLF001
TYPES = ("ViewSaved", "ViewShared", "ViewDeleted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A group of staff: its number and its name."""

    pk: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The views somebody sees, by name, and where the log stood.

    Attributes:
        mark: The watermark: ``store.watermark()``, asked for in the same statement.
        stored: About how many events there are; 0 where nobody knows.
    """

    mark: int
    stored: int
    views: Sequence[SavedView]


def save(name: str, query: str, *, account: int, role: Role | None = None) -> UUID:
    """Keep filters under a name, and return the id of the view.

    Atomic: the row and its event exist both, or neither.

    Args:
        name: Proper, at most 60 characters.
        query: The filters as a query string, as they may stand in the log for ever.
        account: Number of the maker's account.
        role: Who else sees it; the maker has this role.

    Raises:
        TooManyViewsError: The maker has 20 for themselves, or the role has 20.
        ViewNameTakenError: One of theirs has the name, however it is capitalised.
    """
    view_id, told = uuid.uuid7(), role.name if role else ""
    fact: ViewEvent
    if role is None:
        beside = SavedView.objects.filter(account=account, role_id=None)
        fact = ViewSaved(name=name, query=query, maker=account)
    else:
        beside = SavedView.objects.filter(role_id=role.pk)
        fact = ViewShared(
            name=name, query=query, maker=account, role=told, role_id=role.pk
        )
    with transaction.atomic():
        _hold()
        same = beside.annotate(folded=Lower("name")).filter(folded=Lower(Value(name)))
        if same.exists():
            raise ViewNameTakenError(name, told)
        if beside.count() >= MOST_VIEWS:
            raise TooManyViewsError(MOST_VIEWS, told)
        store.append(_stream(view_id), [fact], expected_version=NO_STREAM)
        _apply(view_id, fact, circumstances.current().actor)
    return view_id


def delete(view_id: UUID, *, account: int, is_superuser: bool = False) -> str:
    """Delete a view and return the name it had.

    Args:
        view_id: Which.
        account: Whose it is, or who shared it.
        is_superuser: Whether they may delete what others share.

    Raises:
        ViewGoneError: There is none, or it is somebody's own.
        ViewNotYoursError: Somebody else shares it.
    """
    theirs = Q(account=account) | Q(role_id__isnull=False)
    with transaction.atomic():
        _hold()
        view = SavedView.objects.filter(theirs, pk=view_id).first()
        if view is None:
            raise ViewGoneError
        if view.account != account and not is_superuser:
            raise ViewNotYoursError
        fact = ViewDeleted(name=view.name)
        store.append(_stream(view_id), [fact], expected_version=1)
        _apply(view_id, fact, circumstances.current().actor)
    return view.name


def seen_by(account: int) -> Seen:
    """Return a person's own views and those shared with their roles.  One query.

    Args:
        account: Number of their account.
    """
    rows = wire.rows("read_views", {"account": account})
    views = [
        SavedView.from_db(None, COLUMNS_OF_VIEW, row[2:]) for row in rows if row[2]
    ]
    mark, stored, *_view = rows[0]
    return Seen(mark=mark, stored=stored, views=views)


def all_shared() -> QuerySet[SavedView]:
    """Return every view that somebody shares, by name."""
    return SavedView.objects.filter(role_id__isnull=False).order_by("name", "pk")


def rebuild() -> int:
    """Make the table anew from the log; return how many views there are.

    Atomic; nobody saves or deletes one meanwhile.
    """
    with transaction.atomic():
        _hold()
        SavedView.objects.all().delete()
        for view_id, fact, actor in _recorded():
            _apply(view_id, fact, actor)
        return SavedView.objects.count()


def _apply(view_id: UUID, fact: ViewEvent, actor: str) -> None:
    """Fold one event into the table."""
    match fact:
        case ViewSaved():
            SavedView.objects.create(
                view_id=view_id,
                name=fact.name,
                query=fact.query,
                account=fact.maker,
                actor=actor,
            )
        case ViewShared():
            SavedView.objects.create(
                view_id=view_id,
                name=fact.name,
                query=fact.query,
                account=fact.maker,
                actor=actor,
                role_id=fact.role_id,
                role=fact.role,
            )
        case ViewDeleted():
            SavedView.objects.filter(pk=view_id).delete()


def _recorded() -> Iterator[tuple[UUID, ViewEvent, str]]:
    """Yield what the log tells of views, oldest first, with who did it."""
    # Not up to the watermark: whoever appends these holds the lock until they commit.
    rows = StoredEvent.objects.filter(type__in=TYPES).order_by("position")
    for event in recorded(rows.values_list(*COLUMNS)):
        if isinstance(event.payload, ViewEvent):
            view_id = UUID(event.stream.removeprefix(f"{CATEGORY}-"))
            yield view_id, event.payload, event.actor


def _hold() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK])


def _stream(view_id: UUID) -> str:
    return f"{CATEGORY}-{view_id}"
