"""Users whose rows are known to disagree with the log; each change is an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from eventstore import store
from eventstore.appends import Append
from eventstore.events import ANY
from projections.events import DriftEnded, DriftFound
from projections.models import Drift, DriftCheck
from users.aggregate import USER

CATEGORY = "drift"
REPROCESSED = "reprocessed"
BY_ITSELF = "by itself"

Place = tuple[str, UUID]  # projection, user


def note(found: Mapping[Place, Sequence[str]], *, checked: Collection[Place]) -> None:
    """Keep what was found, and what is no longer so among what was checked.

    Atomic.  What is known already is told once.

    Args:
        found: The names of the fields that differ.
        checked: All that was looked at.
    """
    users = {user_id for _name, user_id in checked}
    with transaction.atomic():
        known = {
            (each.projection, each.user_id): each.fields for each in _locked(users)
        }
        fresh = {
            place: sorted(fields)
            for place, fields in found.items()
            if known.get(place) != sorted(fields)
        }
        now = timezone.now()
        Drift.objects.bulk_create(
            [
                Drift(projection=name, user_id=user_id, fields=fields, found_at=now)
                for (name, user_id), fields in fresh.items()
            ],
            update_conflicts=True,
            unique_fields=["projection", "user_id"],
            update_fields=["fields"],
        )
        _tell(
            {
                (name, user_id): DriftFound(
                    projection=name, subject=USER.stream(user_id), fields=fields
                )
                for (name, user_id), fields in fresh.items()
            }
        )
        gone = known.keys() & set(checked) - found.keys()
        end(sorted(gone, key=str), how=BY_ITSELF)


def end(places: Sequence[Place], *, how: str) -> None:
    """Say of those of *places* that were known to differ that they do no longer."""
    if not places:
        return
    users = {user_id for _name, user_id in places}
    mine = set(places)
    with transaction.atomic():
        open_ones = [
            each for each in _locked(users) if (each.projection, each.user_id) in mine
        ]
        if not open_ones:
            return
        Drift.objects.filter(pk__in=[each.pk for each in open_ones]).delete()
        _tell(
            {
                (each.projection, each.user_id): DriftEnded(
                    projection=each.projection,
                    subject=USER.stream(each.user_id),
                    how=how,
                )
                for each in open_ones
            }
        )


def counts(names: Sequence[str]) -> dict[str, int]:
    """Return how many users of each projection are known to differ.  One query."""
    found = Drift.objects.values("projection").annotate(users=Count("pk"))
    known = {row["projection"]: row["users"] for row in found}
    return {name: known.get(name, 0) for name in names}


def of_user(user_id: UUID) -> list[Drift]:
    """Return what is known to differ of one user."""
    return list(Drift.objects.filter(Q(user_id=user_id)).order_by("projection"))


def last_check() -> Any:
    """Return how far the detector has come, and in ``users`` how many differ now.

    One query.
    """
    known = Drift.objects.order_by().annotate(one=Value(1)).values("one")
    users = known.annotate(users=Count("user_id", distinct=True)).values("users")
    return DriftCheck.objects.annotate(users=Coalesce(Subquery(users), 0)).get()


def known() -> tuple[QuerySet[Drift], QuerySet[DriftCheck]]:
    """Return who is known to differ, and how far the detector has come.

    No query: whoever counts asks.
    """
    return Drift.objects.all(), DriftCheck.objects.all()


def _locked(users: Collection[UUID]) -> QuerySet[Drift]:
    mine = Drift.objects.filter(user_id__in=users)
    return mine.order_by("pk").select_for_update()  # two never wait for each other


def _tell(facts: Mapping[Place, object]) -> None:
    by_user: dict[UUID, list[object]] = {}
    for (_name, user_id), fact in facts.items():
        by_user.setdefault(user_id, []).append(fact)
    if by_user:
        store.append_many(
            [
                Append(
                    stream=f"{CATEGORY}-{user_id}", events=events, expected_version=ANY
                )
                for user_id, events in by_user.items()
            ]
        )
