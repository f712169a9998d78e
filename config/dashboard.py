"""The dashboard: what the whole is asked for at once, from every package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from config import access, troubles
from eventstore import effects
from eventstore.admin import chart, dashboard, sight
from projections import activity, drift
from projections import streams as stream_heads
from users.sources.salesforce import schedule


def numbers(request: HttpRequest) -> dict[str, Any]:
    """Return what the dashboard shows whoever is behind *request*.

    Numbers only to those who may see events; eight queries, however much there is.
    """
    if not access.may_open(request.user, "events"):
        return {"troubles": troubles.counted(), "held_runs": _held(request)}
    now = timezone.now()
    wanting, told = troubles.look(_parts())
    asked = request.GET
    return {
        "troubles": wanting,
        "told": told,
        "overview": dashboard.overview(sight.of(request)),
        "held_runs": _held(request),
        "chart": chart.of(
            chart.span_named(asked.get("span", "")), activity.by_source, now
        ),
        "is_table": asked.get("table") == "1",
        "recent": stream_heads.recent(now),
    }


def _parts() -> Iterator[QuerySet[Any]]:
    pending, failed = effects.unsettled()
    drifted, checks = drift.known()
    yield troubles.part("effects_pending", pending)
    yield troubles.part("effects_failed", failed)
    yield troubles.part("drifted", drifted, counted_by="user_id")
    yield troubles.part("drift_checks", checks, at=Max("checked_at"))


def _held(request: HttpRequest) -> list[Any]:
    may_see = access.may_open(request.user, "salesforce_run")
    wanting = troubles.known().runs  # counted for this page a moment ago
    return list(schedule.awaiting()) if may_see and wanting else []
