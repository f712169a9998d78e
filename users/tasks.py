"""Celery's door to the write side."""

from __future__ import annotations

from celery import shared_task
from django.db import close_old_connections

from users import answers, limits, unrecorded


@shared_task(name="users.discard_quotas")
def discard_quotas() -> None:
    """Remove the counts of windows that have ended; safe to run at any time."""
    # Celery keeps the connection of the task before; a dead one would be kept, too.
    close_old_connections()
    limits.discard_ended()


@shared_task(name="users.prune")
def prune() -> None:
    """Delete the answers and refusals that were kept long enough."""
    close_old_connections()
    answers.prune()
    unrecorded.prune()
