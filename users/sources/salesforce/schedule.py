"""What the schedule starts, and whether all is well."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import uuid_utils.compat as uuid
from django.db.models import QuerySet
from django.utils import timezone

from eventstore.circumstances import acting
from eventstore.events import SALESFORCE, SYSTEM
from eventstore.intake import inbox
from users.models import SalesforceConflict, SalesforceHint, SalesforceRun
from users.sources.salesforce import runs, translate
from users.sources.salesforce.client import Client
from users.sources.salesforce.errors import (
    NotEnabledError,
    NoWatermarkError,
    RunActiveError,
)
from users.sources.salesforce.options import options
from users.sources.salesforce.run_state import HELD, SUCCEEDED, Mode, State

SCHEDULE = "system:schedule"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What a test of the connection found.

    Attributes:
        missing: Fields that our user may not see, though we would like to.
        used: Requests of the org today, of *most*.
    """

    org_id: str
    missing: list[str]
    used: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the readings stand, as far as we know without asking.

    Attributes:
        watermark: Up to when Salesforce is known; None when it was never read whole.
        last_success: When a run succeeded last.
        held: Runs that wait for a human or for the limit.
        conflicts: Differences that wait for a human.
        hinted: Records that Salesforce said have changed, and that wait for a run.
        is_stale: Whether the last success is too long ago.
        is_failing: Whether the run that ended last failed.
        quarantined: Records that make no sense and wait for somebody.
        used: Requests of the whole org, of *most* a day, when a page was read last.
    """

    watermark: datetime | None
    last_success: datetime | None
    held: int
    conflicts: int
    hinted: int
    is_stale: bool
    is_failing: bool
    quarantined: int
    used: int
    most: int


def start(mode: Mode) -> SalesforceRun | None:
    """Start a run in the name of the schedule; None when it is not its time."""
    if not options().enabled:
        return None
    try:
        with acting(actor=SCHEDULE, source=SYSTEM, correlation_id=uuid.uuid7()):
            return runs.start(mode)
    except (RunActiveError, NoWatermarkError, NotEnabledError) as error:
        reason = type(error).__name__
        logger.info("salesforce run skipped", extra={"mode": mode, "reason": reason})
        return None


def reach() -> Reached:
    """Log in, look at the object and at the limits; four requests at most.

    Raises:
        NotEnabledError: Nobody said where Salesforce is.
        SalesforceError: It cannot be reached, or does not let us see what we need.
    """
    told = options()
    if not told.login_url:
        raise NotEnabledError
    with Client(told) as client:
        _, missing = translate.fields(told, client.fields(told.sobject))
        budget = client.limits()
        return Reached(
            org_id=client.org_id, missing=missing, used=budget.used, most=budget.most
        )


def awaiting() -> list[SalesforceRun]:
    """Return the runs that only a person lets go on, oldest first.  One query."""
    return list(waiting().order_by("started_at"))


def waiting() -> QuerySet[SalesforceRun]:
    """Return the runs that only a person lets go on, in no order."""
    return SalesforceRun.objects.filter(state__in=HELD - {State.PAUSED_LIMIT})


def newest() -> QuerySet[SalesforceRun]:
    """Return the run that was started last, if there is one."""
    last = SalesforceRun.objects.order_by("-started_at").values("pk")[:1]
    return SalesforceRun.objects.filter(pk__in=last)


def last_reconciled() -> datetime | None:
    """Return when everything was compared last; None if never.  One query."""
    done = SalesforceRun.objects.filter(
        sobject=options().sobject,
        mode=Mode.RECONCILE,
        state__in=SUCCEEDED,
        dry_run=False,
    )
    newest = done.order_by("-started_at")
    return newest.values_list("changed_at", flat=True).first()


def standing() -> Standing:
    """Return how the readings stand.  Eight queries."""
    told = options()
    mine = SalesforceRun.objects.filter(sobject=told.sobject)
    succeeded = mine.filter(state__in=SUCCEEDED, dry_run=False).order_by("-changed_at")
    last = succeeded.values_list("changed_at", flat=True).first()
    ended = mine.filter(is_active=False).exclude(state=State.CANCELLED)
    before = ended.order_by("-changed_at").values_list("state", flat=True).first()
    asked = mine.filter(most__gt=0).order_by("-changed_at")
    used, most = asked.values_list("used", "most").first() or (0, 0)
    late = timezone.now() - timedelta(seconds=told.stale_after)
    return Standing(
        watermark=runs.watermark(told.sobject),
        last_success=last,
        held=mine.filter(state__in=HELD).count(),
        conflicts=SalesforceConflict.objects.filter(resolved_at=None).count(),
        hinted=SalesforceHint.objects.count(),
        is_stale=told.enabled and (last is None or last < late),
        is_failing=before == State.FAILED,
        quarantined=inbox.quarantined(SALESFORCE),
        used=used,
        most=most,
    )
