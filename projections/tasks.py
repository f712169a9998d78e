"""Celery's door to the read side: each task is one call."""

from __future__ import annotations

import uuid_utils.compat as uuid
from celery import shared_task
from django.conf import settings
from django.db import close_old_connections

from eventstore.circumstances import acting
from eventstore.events import SYSTEM
from eventstore.exports import keeping
from projections import drift_check, runs
from projections.exports import KINDS

EXPORT_SECONDS = 2.0  # of an export, before others get the worker
HASHING_SECONDS = 3600  # the last step reads the whole file once


@shared_task(name="projections.go_on")
def go_on() -> None:
    """Go on with whatever is being reprocessed; beat calls it all the time."""
    # Celery keeps the connection of the task before; a dead one would be kept, too.
    close_old_connections()
    runs.go_on_all()


@shared_task(name="projections.check_drift")
def check_drift() -> None:
    """Look at the next users, and note whose rows are no fold of the log."""
    close_old_connections()
    with acting(actor="system:drift", source=SYSTEM, correlation_id=uuid.uuid7()):
        drift_check.look_on(users=settings.DRIFT_USERS)


@shared_task(name="projections.export", time_limit=HASHING_SECONDS)
def export() -> None:
    """Go on with the exports that run; beat calls it all the time."""
    close_old_connections()
    if not keeping.go_on_all(KINDS, seconds=EXPORT_SECONDS):
        export.apply_async()
