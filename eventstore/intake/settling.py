"""Records that a connector quarantined, and that lead to something later after all."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.utils import timezone

from eventstore.intake.models import RecordMapping
from eventstore.intake.raw import OPEN, Kept, Settled

State = RecordMapping.State


def resettle(kept: Sequence[Kept], settled: Sequence[Settled]) -> None:
    """Let what is quarantined, and came again, be as it was settled now.

    Whose it is is noted, too, where nobody could say so before.  Must run in the
    transaction of :func:`keep`.  No statement where all were new, else one and one for
    each record that changes.
    """
    again = {
        each.raw_id: its
        for each, its in zip(kept, settled, strict=True)
        if not each.is_new
    }
    if not again:
        return
    mine = RecordMapping.objects.filter(pk__in=again, state=State.QUARANTINED)
    for each in mine.select_for_update():
        its = again[each.raw_id]
        now = (each.state, each.entity, each.error)
        if now == (its.state, its.entity, its.error):
            continue
        each.state, each.error = its.state, its.error
        each.entity, each.subject = its.entity, its.subject
        if its.state not in OPEN:
            each.settled_at = timezone.now()
        each.save()


def skipped(kept: Sequence[Kept]) -> int:
    """Return how many of *kept* somebody said to skip.

    One query; none where all were new.
    """
    again = [each.raw_id for each in kept if not each.is_new]
    if not again:
        return 0
    return RecordMapping.objects.filter(pk__in=again, state=State.SKIPPED).count()


def overtake(source: str, entities: Collection[str]) -> None:
    """Close what is quarantined of things of which their source said more since.

    Must run in a transaction.  One statement; none for none.
    """
    if entities:
        mine = RecordMapping.objects.filter(source=source, entity__in=list(entities))
        mine.filter(state=State.QUARANTINED).update(
            state=State.STALE, error="", settled_at=timezone.now()
        )
