"""When Salesforce lets nobody in: the schedule stops, before the account is locked."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django_celery_beat.models import PeriodicTask

from eventstore import store
from eventstore.circumstances import acting
from eventstore.events import ANY, SYSTEM
from eventstore.operator_events import CHANGED, ScheduleChanged
from users.models import SalesforceRun
from users.sources.salesforce.options import options
from users.sources.salesforce.run_state import State

ACTOR = "system:salesforce"
TASK = "users.salesforce_start"  # of the schedules that start runs
AUTH_FAILED = "auth_failed: "  # how the reason of such a run begins
MOST_FAILED = 3  # runs in a row
REASON = "Salesforce refused the log-in of three runs in a row."


def is_so() -> bool:
    """Say whether the last three runs that ended were not let in.  One query."""
    ended = SalesforceRun.objects.filter(sobject=options().sobject, is_active=False)
    newest = ended.exclude(state=State.CANCELLED).order_by("-changed_at")
    whys = list(newest.values_list("why", flat=True)[:MOST_FAILED])
    return len(whys) == MOST_FAILED and all(w.startswith(AUTH_FAILED) for w in whys)


def is_schedule_off() -> bool:
    """Say whether a schedule that would start runs is switched off.  One query."""
    off: bool = PeriodicTask.objects.filter(task=TASK, enabled=False).exists()
    return off


def pause_schedule(run_id: UUID) -> None:
    """Switch off the schedules that start runs, if it :func:`is_so`; each is an event.

    Somebody switches them on again, under Schedules.

    Args:
        run_id: The run that was not let in last.
    """
    with (
        transaction.atomic(),
        acting(actor=ACTOR, source=SYSTEM, correlation_id=run_id),
    ):
        if not is_so():
            return
        on = PeriodicTask.objects.select_for_update().filter(task=TASK, enabled=True)
        for task in on.order_by("pk"):
            task.enabled = False
            task.save()  # one by one: beat hears of a save, and of no update
            paused = ScheduleChanged(
                schedule=task.name,
                change=CHANGED,
                old={"enabled": "True"},
                new={"enabled": "False"},
                reason=REASON,
            )
            stream = f"schedule-periodictask-{task.pk}"
            store.append(stream, [paused], expected_version=ANY)
