"""Celery's door to the write side."""

from __future__ import annotations

from celery import shared_task
from django.db import close_old_connections

from users import answers, limits, unrecorded
from users.sources.salesforce import backfill, hints, rehearsals, runs, schedule
from users.sources.salesforce.bell import TASK, bell
from users.sources.salesforce.run_state import Mode


@shared_task(name="users.discard_quotas")
def discard_quotas() -> None:
    """Remove the counts of windows that have ended; safe to run at any time."""
    # Celery keeps the connection of the task before; a dead one would be kept, too.
    close_old_connections()
    limits.discard_ended()


@shared_task(name="users.prune")
def prune() -> None:
    """Delete what was kept long enough: answers, refusals, values of dry runs."""
    close_old_connections()
    answers.prune()
    unrecorded.prune()
    rehearsals.discard_old()


@shared_task(name=TASK)
def salesforce_sweep() -> None:
    """Work at every Salesforce run that is due; safe to run at any time.

    Starts one over the records that Salesforce hinted at, if it is time for it.
    """
    close_old_connections()
    hints.start_run()
    for run_id in runs.due():
        if backfill.work(run_id):
            bell.ring()


@shared_task(name="users.salesforce_start")
def salesforce_start(mode: str) -> None:
    """Start a run as the schedule wants it; skipped while another one is under way."""
    close_old_connections()
    schedule.start(Mode(mode))
