"""How rebuilds stand, for whoever looks: a page, a command line, a switch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from eventstore import checkpoints, copies, store, subscriptions
from eventstore.copies import ACTIVE, NEXT, SWITCHED
from eventstore.models import DeadLetter, Rebuild
from eventstore.subscriptions import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a rebuild stands.

    Attributes:
        percent: Of the events of the fill, rounded down.
        rate: Events a second, while it worked; 0 when it has not begun.
        seconds_left: Of filling, at that rate; None when nobody can tell.
        behind: Positions that the copy is behind the watermark; gaps count.
        letters: Streams that the copy could not apply.
        is_outdated: It was begun by other code than this.
        kept_until: When the old tables are dropped; None while there are none.
    """

    rebuild: Rebuild
    percent: int
    rate: float
    seconds_left: float | None
    behind: int
    letters: int
    is_outdated: bool
    kept_until: datetime | None

    @property
    def is_refuted(self) -> bool:
        """Whether the code that runs now was seen to write other rows."""
        tables = (self.rebuild.comparison or {}).get("tables", [])
        kinds = ("created", "changed", "deleted")
        return not self.is_outdated and any(t[kind] for t in tables for kind in kinds)


def latest(name: str) -> list[Standing]:
    """Return how the last few rebuilds of *name* stand, newest first."""
    found = Rebuild.objects.filter(subscription=name).order_by("-id")[:10]
    return [_standing(each) for each in found]


def current(name: str) -> Standing | None:
    """Return how the rebuild stands that is active; else the one that keeps tables."""
    mine = Rebuild.objects.filter(subscription=name)
    found = (
        mine.filter(state__in=ACTIVE).first() or mine.filter(state__in=SWITCHED).first()
    )
    return None if found is None else _standing(found)


def kept_for() -> timedelta:
    """Return how long tables are kept that were switched away from."""
    return timedelta(hours=settings.REBUILD_KEPT_HOURS)


def letters(copy: str) -> int:
    """Return how many streams could not be applied to a copy of this name."""
    return DeadLetter.objects.filter(subscription=copy, closed_at=None).count()


def _standing(rebuild: Rebuild) -> Standing:
    total, done = rebuild.total or 0, rebuild.done
    rate = done / rebuild.worked_seconds if rebuild.worked_seconds else 0.0
    is_filled = rebuild.filled_at is not None
    schema = copies.SCHEMAS.get(rebuild.state, NEXT)
    copy = copies.name_of(rebuild.subscription, schema)
    reached = checkpoints.reached().get(copy, checkpoints.NOWHERE)
    has_copy = is_filled and rebuild.state in copies.SCHEMAS
    code = subscriptions.find(rebuild.subscription)
    kept_until = None
    if rebuild.state in SWITCHED and rebuild.switched_at is not None:
        kept_until = rebuild.switched_at + kept_for()
    return Standing(
        rebuild=rebuild,
        percent=100 if is_filled else done * 100 // total if total else 0,
        rate=rate,
        seconds_left=(total - done) / rate if rate and not is_filled else None,
        behind=max(store.watermark() - reached.position, 0) if has_copy else 0,
        letters=letters(copy),
        is_outdated=isinstance(code, Projection) and code.digest != rebuild.digest,
        kept_until=kept_until,
    )
