"""Celery's door to the event store: each task is one call."""

from __future__ import annotations

from celery import shared_task

from eventstore import effects, subscriptions
from eventstore.doorbell import doorbell


@shared_task(name="eventstore.catch_up")
def catch_up(name: str) -> None:
    """Bring one subscription up to the watermark; safe to run at any time."""
    subscription = subscriptions.find(name)
    if not subscriptions.catch_up(subscription):
        doorbell.ring()
    if isinstance(subscription, subscriptions.Reactor):
        effects.perform_due(subscription.name, subscription.perform)


@shared_task(name="eventstore.sweep")
def sweep() -> None:
    """Ring for whatever a lost doorbell left behind; beat calls it all the time."""
    doorbell.ring()
