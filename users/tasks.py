"""Celery's door to the write side."""

from __future__ import annotations

from celery import shared_task
from django.db import close_old_connections

from users import answers, unrecorded


@shared_task(name="users.prune")
def prune() -> None:
    """Delete the answers and refusals that were kept long enough."""
    close_old_connections()
    answers.prune()
    unrecorded.prune()
