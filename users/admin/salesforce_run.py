"""The page of one run over Salesforce: how far it is, and whom it would change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eventstore import labels, zones
from eventstore.admin import sight
from eventstore.admin.pages import page
from eventstore.admin.sight import Sight
from eventstore.events import SALESFORCE
from eventstore.intake import inbox
from eventstore.intake.inbox import Unusable
from eventstore.masking import MASK
from users.aggregate import USER
from users.models import SalesforceFinding, SalesforceRun
from users.sources.salesforce import outcomes, progress, rehearsals, runs
from users.sources.salesforce.outcomes import Came
from users.sources.salesforce.people import DEACTIVATED
from users.sources.salesforce.rehearsals import Change
from users.sources.salesforce.run_state import COUNTS, HELD, RUN, State

RELOAD_SECONDS = 3  # of the page of a run that is at work
PEOPLE = 100  # of a page of those whom a run waits for
DIFFERENCES = 500  # of a page of what a dry run would change
PLACE = re.compile(r"([A-Za-z0-9]{15,18})\.([a-z]{1,20})")  # ?after=

CAME = {
    Came.WOULD: gettext_lazy("would be deactivated"),
    Came.WAITS: gettext_lazy("waits: not deactivated yet"),
    Came.LEFT: gettext_lazy("kept: the run ended before"),
    Came.DEACTIVATED: gettext_lazy("deactivated"),
    Came.ALREADY: gettext_lazy("was deactivated already"),
    Came.FLAGGED: gettext_lazy("kept: only noted with the record"),
    Came.BACK: gettext_lazy("kept: the record came back"),
    Came.UNUSABLE: gettext_lazy("kept: the record makes no sense now"),
    Came.ERASED: gettext_lazy("erased meanwhile"),
    Came.CHANGED: gettext_lazy("kept: changed here meanwhile"),
    Came.SETTINGS: gettext_lazy("kept: the settings say otherwise by now"),
    Came.KEPT: gettext_lazy("kept"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Somebody whom a run would change, and what came of it."""

    row: SalesforceFinding
    came: str
    what: Any
    why: str
    change: Change


def run_page(
    request: HttpRequest, row: SalesforceRun, form: forms.Form, *, status: int = 200
) -> HttpResponse:
    """Return the page of a run, with a *form* for whoever steers it."""
    told = runs.state_of(row.run_id)
    log = progress.log(row)
    response = page(
        request,
        "admin/users/salesforce_run.html",
        title=_("Run of {moment}").format(moment=zones.minute(row.started_at)),
        status=status,
        run=row,
        told=told,
        stream=RUN.stream(row.run_id),
        counts=[(name, row.counts.get(name, 0)) for name in COUNTS],
        progress=progress.of(told, log),
        log=log,
        log_length=progress.LOGGED,
        unusable=_unusable(row),
        is_held=row.state in HELD,
        reload_seconds=RELOAD_SECONDS if _reloads(request, row) else None,
        awaits=row.state == State.AWAITING_APPROVAL,
        form=form,
        user_category=USER.category,
        source=SALESFORCE,
        **_findings(request, row),
    )
    if _reloads(request, row):
        # Asked anew by the browser itself, with scripts or without.
        response["Refresh"] = str(RELOAD_SECONDS)
    return response


def _reloads(request: HttpRequest, run: SalesforceRun) -> bool:
    is_moving = run.state in (State.QUEUED, State.RUNNING)
    return is_moving and request.method != "POST" and "still" not in request.GET


def _unusable(run: SalesforceRun) -> list[Unusable]:
    if run.dry_run or not run.counts.get("quarantined"):
        return []
    return inbox.received_unusable(SALESFORCE, run.started_at, run.changed_at)


def _findings(request: HttpRequest, run: SalesforceRun) -> dict[str, Any]:
    """Return a page of findings, and where the next one begins."""
    most = DIFFERENCES if run.dry_run else PEOPLE
    place = PLACE.fullmatch(request.GET.get("after", ""))
    after = (place[1], place[2]) if place else ("", "")
    rows = rehearsals.page(run.run_id, after=after, limit=most + 1)
    shown = rows[:most]
    more = shown[-1] if len(rows) > most else None
    return {
        "findings": _found(shown, run, sight.of(request)),
        "found": SalesforceFinding.objects.filter(run_id=run.run_id).count(),
        "people": most,
        "next": f"{more.sf_id}.{more.what}" if more else "",
        "is_first": place is None,
    }


def _found(
    rows: Sequence[SalesforceFinding], run: SalesforceRun, seen: Sight
) -> list[Found]:
    if run.dry_run:
        changes = rehearsals.read(run.run_id, rows)
    else:
        changes = [Change(finding=row, field=row.what) for row in rows]
    found = []
    for change in changes:
        row = change.finding
        came, why = row.what, ""
        what: Any = labels.code(change.field)
        if row.what == DEACTIVATED:
            came = outcomes.of(row, is_dry=run.dry_run, is_active=run.is_active)
            why = outcomes.why(row)
            what = CAME[came]
        shown = _as_seen(change, seen)
        found.append(Found(row=row, came=came, what=what, why=why, change=shown))
    return found


def _as_seen(change: Change, seen: Sight) -> Change:
    if not change.is_personal or seen.sees(USER.stream(change.finding.user_id)):
        return change
    return rehearsals.masked(change, MASK)
