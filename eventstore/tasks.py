"""Celery's door to the event store: each task is one call."""

from __future__ import annotations

from celery import shared_task
from django.db import close_old_connections

from eventstore import faults, heartbeats, rebuilding, subscriptions, waking
from eventstore.doorbell import doorbell
from eventstore.exports import keeping
from eventstore.intake import retention
from eventstore.waking import Lane
from eventstore.webhooks import courier

EXPIRES_SECONDS = 5  # until the next sweep
SLICE_SECONDS = 0.5  # of a run of one subscription, before others get the worker
REBUILD_SECONDS = 7200  # an index of a large table is one statement
OUTSIDE = "outside"  # queue of whatever waits for other systems


@shared_task(name="eventstore.wake")
def wake() -> None:
    """Look after the read models, and have effects looked after; safe at any time."""
    # Celery keeps the connection of the task before; a dead one would be kept, too.
    close_old_connections()
    try:
        is_mine = waking.look_after(Lane.READ_MODELS, _run_apart)
    except Exception as error:
        if not faults.is_lost_connection(error):
            react.apply_async(expires=EXPIRES_SECONDS)  # effects are not to blame
        raise
    if is_mine:
        react.apply_async(expires=EXPIRES_SECONDS)


@shared_task(name="eventstore.react")
def react() -> None:
    """Look after whatever causes effects; safe to run at any time."""
    close_old_connections()
    waking.look_after(Lane.EFFECTS, _run_outside)


@shared_task(name="eventstore.catch_up")
def catch_up(name: str) -> None:
    """Bring one subscription up to the watermark; safe to run at any time."""
    close_old_connections()
    subscription = subscriptions.find(name)
    if not subscriptions.catch_up(subscription, seconds=SLICE_SECONDS):
        doorbell.ring()
    if not subscriptions.perform_due(subscription, seconds=SLICE_SECONDS):
        doorbell.ring()


@shared_task(name="eventstore.expire_exports")
def expire_exports() -> None:
    """Delete the files whose day is over."""
    close_old_connections()
    keeping.expire()


@shared_task(name="eventstore.prune")
def prune() -> None:
    """Forget deliveries of webhooks and bodies of raw records kept long enough."""
    close_old_connections()
    courier.prune()
    retention.expire()


@shared_task(name="eventstore.sweep")
def sweep() -> None:
    """Ring for whatever a lost doorbell left behind; beat calls it all the time."""
    doorbell.ring()
    close_old_connections()
    heartbeats.beat(heartbeats.SCHEDULE)
    subscriptions.note_code()
    for name in rebuilding.names():
        rebuild.apply_async((name,), expires=EXPIRES_SECONDS)


@shared_task(name="eventstore.rebuild", time_limit=REBUILD_SECONDS)
def rebuild(name: str) -> None:
    """Go on with a rebuild for a few seconds; safe to run at any time."""
    close_old_connections()
    if not rebuilding.work(name):
        rebuild.apply_async((name,))


@shared_task(name="eventstore.drop_kept")
def drop_kept() -> None:
    """Drop the tables that were switched away from long enough ago."""
    close_old_connections()
    rebuilding.drop_expired()


def _run_apart(name: str) -> None:
    catch_up.apply_async((name,), expires=EXPIRES_SECONDS)


def _run_outside(name: str) -> None:
    catch_up.apply_async((name,), expires=EXPIRES_SECONDS, queue=OUTSIDE)
