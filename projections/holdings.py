"""Who had an e-mail address, and when: as the read model of the past has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from projections.models import UserPeriod

MOST = 10  # holdings that are told
READ = 1_000  # periods that are read for them, the newest; an event begins one
MAX_LENGTH = 254  # characters of an address


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One stretch of time in which one user had the address, as it was recorded.

    Attributes:
        name: Of the user, at the end of that time.
        until: When another address took its place; None while it is theirs.
    """

    user_id: UUID
    name: str
    since: datetime
    until: datetime | None


def of(address: str) -> Sequence[Holding]:
    """Return who had exactly *address*, in whatever case, the newest holding first.

    One query, carried by an index.  Whoever was erased has no periods, and is not
    found.  Up to ``MOST``.
    """
    if "@" not in address or len(address) > MAX_LENGTH:
        return []
    rows = UserPeriod.objects.filter(
        email__iexact=address.replace("\0", ""), recorded__isnull=False
    ).order_by("-position")
    found: list[Holding] = []
    for row in rows[:READ]:
        if row.recorded.isempty:
            continue  # the next event was recorded at the same instant
        earlier = Holding(
            user_id=row.user_id,
            name=row.name,
            since=row.recorded.lower,
            until=row.recorded.upper,
        )
        if not _joined(found, earlier):
            found.append(earlier)
    return found[:MOST]


def over(address: str) -> Sequence[Holding]:
    """Return those of them who have it no more; none of whom has it now."""
    found = of(address)
    now = {each.user_id for each in found if each.until is None}
    return [each for each in found if each.user_id not in now]


def _joined(found: list[Holding], earlier: Holding) -> bool:
    """Let the holding that *earlier* went over into begin with it, if there is one."""
    for place, each in enumerate(found):
        if each.user_id == earlier.user_id and each.since == earlier.until:
            found[place] = replace(each, since=earlier.since)
            return True
    return False
