"""Whom to reprocess: some users, those a filter finds, those touched, or all."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from eventstore import browser, labels, store, touched
from eventstore.touched import Range
from eventstore.wording import Said, worded
from projections import instants
from projections.filters import MAX_POSITION, DirectoryFilter
from projections.models import DirectoryEntry, Drift, UserPeriod
from users.aggregate import USER, user_id_of

# Kinds of scopes.
SELECTED = "selected"
FILTER = "filter"
TOUCHED = "touched"
DRIFTED = "drifted"
ALL = "all"

MOST_SELECTED = 1_000  # users named one by one
ORPHANS_LOOKED_AT = 1_000  # rows at once, when looking for those of nobody
PERSONAL_FILTERS = ("q", "email")
MASKED = "(masked)"
CHOICE = ("scope", "user", "projection", "cursor", "csrfmiddlewaretoken")

Place = tuple[str, UUID]  # where a scope goes on after this user, and the user


class ScopeError(Exception):
    """Nobody can be meant by this; the message says why, in words for staff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whom.

    Attributes:
        kind: One of the kinds above.
        users: Of ``selected``: in order of id.
        query: Of ``filter``: the query string of the list of users.
        first: Of ``touched`` and ``all``: position, inclusive, as *last* is.
    """

    kind: str
    users: tuple[UUID, ...] = ()
    query: str = ""
    first: int = 0
    last: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what :func:`from_json` understands."""
        return {
            "kind": self.kind,
            "users": [str(user_id) for user_id in self.users],
            "query": self.query,
            "first": self.first,
            "last": self.last,
        }

    @property
    def masked(self) -> Scope:
        """The same, without what may tell of a person."""
        asked = QueryDict(self.query, mutable=True)
        for name in PERSONAL_FILTERS:
            if name in asked:
                asked[name] = MASKED
        return replace(self, query=asked.urlencode(safe="()"))

    @property
    def words(self) -> str:
        """Whom, in English words that tell of no person; for the log."""
        return str(self.told)

    @property
    def told(self) -> Said:
        """The same, as a page can translate it."""
        match self.kind:
            case "selected":
                count = len(self.users)
                if count == 1:
                    return worded("1 selected user")
                return worded("{count} selected users", count=count)
            case "filter":
                query = self.masked.query or worded("no filter")
                return worded("users found by {query}", query=query)
            case "touched":
                return worded(
                    "users with events from #{first} to #{last}",
                    first=self.first,
                    last=self.last,
                )
            case "drifted":
                return worded("users known to differ from the log")
            case _:
                return worded("all users")

    def count(self) -> int:
        """Return how many users that is; of ``all``, those the log knows."""
        match self.kind:
            case "selected":
                return len(self.users)
            case "filter":
                return self._found().count()
            case "drifted":
                return self._drifted().count()
            case _:
                return self._range().count()

    def sample(self, size: int) -> list[UUID]:
        """Return *size* of them at random, each as likely.

        Of ``all``, of those the log knows: rows of nobody are found by looking at all.
        """
        match self.kind:
            case "selected":
                some = min(size, len(self.users))
                return random.sample(self.users, some)
            case "filter":
                found = self._found().order_by("?")[:size]
                return list(found.values_list("user_id", flat=True))
            case "drifted":
                chosen = self._drifted().order_by("?")[:size]
                return list(chosen.values_list("user_id", flat=True))
            case _:
                return [user_id_of(each) for each in self._range().sample(size)]

    def after(self, cursor: str, *, limit: int) -> list[Place]:
        """Return up to *limit* users after *cursor*, each with the cursor behind it.

        Every user once, and none is passed by, whatever is repaired meanwhile; empty
        at the end.

        Args:
            cursor: Of the last user before these; empty at the beginning.
            limit: At most so many.
        """
        match self.kind:
            case "selected":
                left = [each for each in self.users if str(each) > cursor]
                return [(str(each), each) for each in left[:limit]]
            case "filter":
                return _by_id(self._found(), cursor, limit)
            case "drifted":
                return _by_id(self._drifted(), cursor, limit)
            case "touched":
                return self._touched(cursor, limit)
            case _:
                return self._all(cursor, limit)

    def every(self, *, chunk: int) -> Iterator[list[Place]]:
        """Yield all of them, so many at a time."""
        cursor = ""
        while found := self.after(cursor, limit=chunk):
            yield found
            cursor = found[-1][0]

    def _range(self) -> Range:
        return Range(category=USER.category, first=self.first, last=self.last)

    def _found(self) -> QuerySet[Any]:
        return _matching(QueryDict(self.query))

    def _drifted(self) -> QuerySet[Any]:
        return Drift.objects.values("user_id").distinct()

    def _touched(self, cursor: str, limit: int) -> list[Place]:
        found = self._range().streams(after=int(cursor or 0), limit=limit)
        return [(str(position), user_id_of(stream)) for position, stream in found]

    def _all(self, cursor: str, limit: int) -> list[Place]:
        """Return those the log knows, then those of whom only a row tells."""
        if not cursor.startswith("row:"):
            found = self._touched(cursor.removeprefix("log:"), limit)
            if found:
                return [(f"log:{place}", user_id) for place, user_id in found]
        return _orphans(cursor.removeprefix("row:") if "row:" in cursor else "", limit)


def from_json(stored: dict[str, Any]) -> Scope:
    """Return the scope that :meth:`Scope.to_json` told."""
    return Scope(
        kind=stored["kind"],
        users=tuple(UUID(each) for each in stored["users"]),
        query=stored["query"],
        first=stored["first"],
        last=stored["last"],
    )


def selected(user_ids: Sequence[UUID]) -> Scope:
    """Return the scope of these users.

    Raises:
        ScopeError: There is none, or there are too many.
    """
    users = tuple(sorted(set(user_ids)))
    if not users:
        message = worded("No user was selected.")
        raise ScopeError(message)
    if len(users) > MOST_SELECTED:
        message = worded(
            "At most {most:,} users can be named; use a filter.", most=MOST_SELECTED
        )
        raise ScopeError(message)
    return Scope(kind=SELECTED, users=users)


def filtered(query: str) -> Scope:
    """Return the scope of whom the list of users shows for a query string.

    Raises:
        ScopeError: The list does not understand it.
    """
    asked = QueryDict(query, mutable=True)
    for name in CHOICE:
        asked.pop(name, None)
    if asked.get("at") or asked.get("as_of"):
        raise ScopeError(worded("A list as it was names nobody to reprocess."))
    _matching(asked)
    return Scope(kind=FILTER, query=asked.urlencode())


def between(first: str, last: str) -> Scope:
    """Return the scope of whoever has an event from *first* to *last*, inclusive.

    Args:
        first: A position, or an instant with an offset; empty for the beginning.
        last: Likewise; empty for the end of the log.

    Raises:
        ScopeError: One is neither.
    """
    mark = store.watermark()
    begin = _position(first, at_least=True) if first else 1
    end = min(_position(last, at_least=False), mark) if last else mark
    if begin > end:
        message = worded("The range holds no event: it begins after its end.")
        raise ScopeError(message)
    return Scope(kind=TOUCHED, first=begin, last=end)


def everybody() -> Scope:
    """Return the scope of all users there are by now."""
    return Scope(kind=ALL, first=1, last=store.watermark())


def label(name: str) -> str:
    """Return what staff call a filter of the list of users."""
    return _("search") if name == "q" else labels.label(name.replace("_", " "))


def _matching(asked: QueryDict) -> QuerySet[Any]:
    """Return whom the list shows; never everybody for what it does not understand."""
    unknown = sorted(asked.keys() - DirectoryFilter.base_filters.keys())
    if unknown:
        known = ", ".join(sorted(DirectoryFilter.base_filters))
        message = worded(
            "There is no filter {unknown}; there are {known}.",
            unknown=", ".join(unknown),
            known=known,
        )
        raise ScopeError(message)
    wanted = DirectoryFilter(asked, DirectoryEntry.objects.all())
    if not wanted.is_valid():
        problems = [
            f"{label(name)}: {' '.join(map(str, errors))}"
            for name, errors in wanted.form.errors.items()
        ]
        raise ScopeError(" ".join(problems))
    found: QuerySet[Any] = wanted.qs
    return found


def _position(typed: str, *, at_least: bool) -> int:
    text = typed.strip().removeprefix("#").replace(",", "")
    if text.isdecimal() and int(text) <= MAX_POSITION:
        return max(int(text), 1)
    try:
        instant = instants.parse(typed.strip())
    except ValueError:
        message = worded(
            "“{typed}” is no position and no instant. {advice}",
            typed=typed,
            advice=instants.ADVICE,
        )
        raise ScopeError(message) from None
    found = browser.position_at(instant) or 0
    return found + 1 if at_least else found


def _by_id(found: QuerySet[Any], cursor: str, limit: int) -> list[Place]:
    if cursor:
        found = found.filter(user_id__gt=cursor)
    ids = found.order_by("user_id").values_list("user_id", flat=True)[:limit]
    return [(str(user_id), user_id) for user_id in ids]


def _orphans(cursor: str, limit: int) -> list[Place]:
    while ids := _row_ids(cursor):
        nobody = touched.unknown([USER.stream(user_id) for user_id in ids])
        found = [each for each in ids if USER.stream(each) in nobody][:limit]
        if found:
            return [(f"row:{user_id}", user_id) for user_id in found]
        cursor = str(ids[-1])
    return []


def _row_ids(cursor: str) -> list[UUID]:
    ids: set[UUID] = set()
    for rows in (DirectoryEntry.objects.all(), UserPeriod.objects.all()):
        later = rows.filter(user_id__gt=cursor) if cursor else rows
        found = later.order_by("user_id").values_list("user_id", flat=True).distinct()
        ids.update(found[:ORPHANS_LOOKED_AT])
    return sorted(ids)[:ORPHANS_LOOKED_AT]
