"""Pages of users in any order, now or then: where one ends, the next begins."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib.postgres.search import TrigramWordSimilarity
from django.db.models import FloatField, Q, QuerySet
from django.db.models.functions import Cast

from projections.models import UserRow

Row = TypeVar("Row", bound=UserRow)

LIMIT = 50
RANKED = 1_000  # of those who match, the newest; more would take seconds at a million
NEWEST = "-created"
RELEVANCE = "relevance"


class CursorError(Exception):
    """A cursor was not made by this installation, or for another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """One page of users.

    Attributes:
        cursor: Where the next page begins; None on the last one.
    """

    entries: Sequence[Row]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """By what users are sorted; those who are equal by that, by id in its direction."""

    field: str
    is_descending: bool


ORDERINGS = {
    NEWEST: Ordering(field="created_at", is_descending=True),
    "created": Ordering(field="created_at", is_descending=False),
    "-updated": Ordering(field="updated_at", is_descending=True),
    "updated": Ordering(field="updated_at", is_descending=False),
    "name": Ordering(field="name", is_descending=False),
    "-name": Ordering(field="name", is_descending=True),
    RELEVANCE: Ordering(field="relevance", is_descending=True),
}


def matching(words: str) -> Q:
    """Return the condition "every word occurs in the name or the e-mail address"."""
    condition = Q()
    for word in words.lower().split():
        condition &= Q(search_text__contains=word)
    return condition


def page(
    found: QuerySet[Row],
    *,
    ordering: str = NEWEST,
    words: str = "",
    cursor: str | None = None,
    limit: int = LIMIT,
) -> Page[Row]:
    """Return up to *limit* users of *found*.  One query.

    Carried by an index for each order; by relevance the newest ``RANKED`` who match are
    ranked, and nobody else is listed.

    Args:
        found: Whom to list.
        ordering: One of ``ORDERINGS``.
        words: What was searched for; ``relevance`` ranks by the similarity of the part
            of name and e-mail address that is most like it.
        cursor: Of the page before.
        limit: At most so many.

    Raises:
        CursorError: *cursor* is not one of ours, or of another order.
    """
    order = ORDERINGS[ordering]
    if ordering == RELEVANCE:
        found = _ranked(found, words)
    if cursor:
        found = found.filter(_beyond(order, *_opened(cursor, ordering)))
    sign = "-" if order.is_descending else ""
    sorted_ = found.order_by(f"{sign}{order.field}", f"{sign}user_id")
    entries = list(sorted_[: limit + 1])
    if len(entries) <= limit:
        return Page(entries=entries, cursor=None)
    last = entries[limit - 1]
    place = [ordering, getattr(last, order.field), last.user_id]
    # Encrypted: a place in the order of names is a name.
    sealed = _cipher().encrypt(orjson.dumps(place)).decode()
    return Page(entries=entries[:limit], cursor=sealed)


def _ranked(found: QuerySet[Row], words: str) -> Any:
    newest = found.order_by("-created_at", "-user_id").values("pk")[:RANKED]
    ranked = found.model._default_manager.filter(pk__in=newest)  # noqa: SLF001
    likeness = TrigramWordSimilarity(words.lower(), "search_text")
    # Double precision: what comes back equals what is compared with it.
    return ranked.annotate(relevance=Cast(likeness, FloatField()))


def _beyond(order: Ordering, value: object, user_id: UUID) -> Q:
    beyond = "lt" if order.is_descending else "gt"
    # The first condition says nothing new; it is what an index can begin at.
    return Q(**{f"{order.field}__{beyond}e": value}) & (
        Q(**{f"{order.field}__{beyond}": value}) | Q(**{f"user_id__{beyond}": user_id})
    )


def _opened(cursor: str, ordering: str) -> tuple[Any, UUID]:
    try:
        made_for, value, user_id = orjson.loads(_cipher().decrypt(cursor.encode()))
    except (InvalidToken, UnicodeEncodeError) as error:
        raise CursorError from error
    if made_for != ordering:
        raise CursorError
    is_instant = ORDERINGS[ordering].field.endswith("_at")
    return datetime.fromisoformat(value) if is_instant else value, UUID(user_id)


def _cipher() -> Fernet:
    key = sha256(b"cursors of users" + settings.SECRET_KEY.encode()).digest()
    return Fernet(urlsafe_b64encode(key))
