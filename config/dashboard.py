"""The dashboard: what the whole is asked for at once, from every package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Max, QuerySet, TextField, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from config import access, conditions, troubles
from eventstore import effects
from eventstore.admin import chart, dashboard, sight
from projections import activity, drift
from projections import streams as stream_heads
from users.sources.salesforce import schedule, shut_out
from users.sources.salesforce.options import options


def numbers(request: HttpRequest) -> dict[str, Any]:
    """Return what the dashboard shows whoever is behind *request*.

    Numbers only to those who may see events; eight queries, however much there is.
    """
    if not access.may_open(request.user, "events"):
        return {
            "troubles": troubles.counted(),
            "held_runs": _held(request),
            "is_schedule_off": _is_schedule_off(request),
        }
    now = timezone.now()
    wanting, told = troubles.look(_parts())
    asked = request.GET
    overview = dashboard.overview(sight.of(request))
    return {
        "troubles": wanting,
        "told": told,
        "overview": overview,
        "may_audit": access.may_open(request.user, "audit"),
        "conditions": list(conditions.conditions(request, overview, told)),
        "held_runs": _held(request),
        "is_schedule_off": _is_schedule_off(request),
        "chart": chart.of(
            chart.span_named(asked.get("span", "")), activity.by_source, now
        ),
        "is_table": asked.get("table") == "1",
        "is_still": asked.get("live") == "off",
        "now": now,
        "recent": stream_heads.recent(now),
    }


def _parts() -> Iterator[QuerySet[Any]]:
    pending, failed = effects.unsettled()
    drifted, checks = drift.known()
    yield troubles.part("effects_pending", pending)
    yield troubles.part("effects_failed", failed)
    yield troubles.part("drifted", drifted, counted_by="user_id")
    yield troubles.part("drift_checks", checks, at=Max("checked_at"))
    yield troubles.part(
        "salesforce",
        schedule.newest(),
        at=Max("changed_at"),
        word=Coalesce(Max("state"), Value("", TextField())),
    )


def _held(request: HttpRequest) -> list[Any]:
    may_see = access.may_open(request.user, "salesforce_run")
    wanting = troubles.known().runs  # counted for this page a moment ago
    return list(schedule.awaiting()) if may_see and wanting else []


def _is_schedule_off(request: HttpRequest) -> bool:
    may_see = access.may_open(request.user, "salesforce_run")
    return may_see and options().enabled and shut_out.is_schedule_off()
