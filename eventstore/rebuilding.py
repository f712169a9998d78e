"""The work of a rebuild, in steps that each are one transaction.

Whoever is killed loses the step: rows and progress are committed together.  First the
log is folded stream by stream, so that each row is written about once; then the costly
indexes are made; then the copy keeps up with the log as any subscription does.
"""

from __future__ import annotations

import contextlib
import logging
import time
from operator import attrgetter

import uuid_utils.compat as uuid
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import (
    comparing,
    copies,
    faults,
    quarantine,
    rebuilds,
    standings,
    store,
    subscriptions,
)
from eventstore.circumstances import acting
from eventstore.copies import NEXT, SWITCHED
from eventstore.errors import NoCopyError, NoRebuildError
from eventstore.events import SYSTEM
from eventstore.models import Rebuild
from eventstore.repository import refuse_unreadable
from eventstore.subscriptions import Projection

logger = logging.getLogger(__name__)

CHUNK = 5_000  # events a step
BEAT = "system:beat"  # who drops what was kept long enough
SLICE_SECONDS = 5.0  # how long one task works before others get their turn

State = Rebuild.State


def names() -> list[str]:
    """Return the projections of this code that have a copy somebody should look after.

    One that was removed or renamed has none: its row stays, and stops nobody.
    """
    mine = Rebuild.objects.filter(state__in=list(copies.SCHEMAS))
    found = set(mine.values_list("subscription", flat=True))
    return sorted(found & rebuilds.names())


def work(name: str, *, seconds: float = SLICE_SECONDS) -> bool:
    """Take steps; return False when there is more to do at once.

    Safe to run at any time, twice, and beside other workers.  An error is kept beside
    the rebuild, and tried again at the next call; a lost connection is raised.
    """
    end = time.monotonic() + seconds
    projection = rebuilds.rebuildable(name)
    while time.monotonic() < end:
        if not step(projection, end):
            return True
    return False


def drop_expired() -> None:
    """Drop tables that were kept long enough."""
    old = Rebuild.objects.filter(
        state__in=SWITCHED, switched_at__lt=Now() - standings.kept_for()
    )
    for name in rebuilds.names().intersection(
        old.values_list("subscription", flat=True)
    ):
        with (
            contextlib.suppress(NoRebuildError),  # another beat was faster
            acting(actor=BEAT, source=SYSTEM, correlation_id=uuid.uuid7()),
        ):
            rebuilds.drop_kept(name)


def step(projection: Projection, end: float) -> bool:
    """Take one step of whatever there is; say whether to go on at once.

    Args:
        projection: Names its tables.
        end: When to stop catching up, by the monotonic clock.
    """
    found = rebuilds.active(projection.name)
    goes_on = False
    if found is not None and not _is_left_alone(projection, found):
        goes_on = _tried(projection, found, end)
        if found.state in {State.FILLING, State.INDEXING}:
            return goes_on
    kept = Rebuild.objects.filter(
        subscription=projection.name, state__in=SWITCHED
    ).first()
    if kept is not None and rebuilds.is_whole(projection, kept):
        goes_on |= _tried(projection, kept, end)
    return goes_on


def _tried(projection: Projection, found: Rebuild, end: float) -> bool:
    """Take a step of one rebuild; keep its error beside it until a step works."""
    mine = Rebuild.objects.filter(pk=found.pk)
    try:
        match found.state:
            case State.FILLING:
                goes_on = _fill(projection, found.pk)
            case State.INDEXING:
                goes_on = _index(projection, found.pk)
            case _:
                goes_on = _keep_up(projection, found, end)
    # One that fails must not stop the others; an operator sees it and decides.
    except Exception as error:
        if faults.is_lost_connection(error):
            raise
        logger.exception("rebuild failed", extra={"subscription": projection.name})
        mine.update(error=faults.described(error))
        return False
    if found.error:
        mine.update(error="")
    return goes_on


def _is_left_alone(projection: Projection, found: Rebuild) -> bool:
    # While indexes are made nobody is erased from the tables: that must not last.
    if found.state == State.INDEXING:
        return False
    # Other code would write other rows in the second half than in the first.
    return bool(found.paused_by) or found.digest != projection.digest


def _fill(projection: Projection, number: int) -> bool:
    began = time.monotonic()
    with transaction.atomic():
        mine = Rebuild.objects.filter(pk=number, state=State.FILLING, paused_by="")
        found = mine.select_for_update(skip_locked=True).first()
        if found is None:
            return False
        if found.total is None:
            found.total = store.count(until=found.until)
        read = store.read_in_streams(
            after=(found.after_stream, found.after_version),
            until=found.until,
            limit=CHUNK,
        )
        refuse_unreadable(read)
        if read:
            found.after_stream, found.after_version = read[-1].stream, read[-1].version
        read.sort(key=attrgetter("position"))
        copy = projection.copy(NEXT)
        quarantine.apply_sound(copy.name, copy.apply, read)
        found.done += len(read)
        if len(read) < CHUNK:
            found.state = State.INDEXING
        found.error = ""
        found.worked_seconds += time.monotonic() - began
        found.save()
    return True


def _index(projection: Projection, number: int) -> bool:
    is_made = copies.make_index(rebuilds.tables_of(projection))
    if is_made is None:
        return False
    if is_made:
        return True
    with transaction.atomic():
        mine = Rebuild.objects.filter(pk=number, state=State.INDEXING)
        found = mine.select_for_update().first()
        if found is None:
            return False
        found.state = State.READY
        found.filled_at = timezone.now()
        found.is_comparison_due = True
        found.error = ""
        found.save()
        _forget_erased(projection, found.until)
    return True


def _forget_erased(projection: Projection, until: int) -> None:
    """Delete whoever was erased while indexes were made, and the copy left alone."""
    if projection.forget is None:
        return
    for stream in store.erased_after(until):
        with copies.within(projection.name, NEXT):
            projection.forget(stream)


def _keep_up(projection: Projection, found: Rebuild, end: float) -> bool:
    schema = copies.SCHEMAS[found.state]
    copy = projection.copy(schema)
    left = max(end - time.monotonic(), 0.1)
    try:
        is_done = subscriptions.catch_up(copy, seconds=left)
    except NoCopyError:  # switched or dropped meanwhile
        return False
    if is_done and found.is_comparison_due:
        comparing.compare(projection, found)
    return not is_done
