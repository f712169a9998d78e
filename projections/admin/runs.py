"""Reprocess many users: look first, then begin, then watch."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from eventstore import labels, pauses
from eventstore.admin import sight
from eventstore.admin.instants import absolute, in_utc
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.admin.sight import Sight
from eventstore.exports import forms
from projections import drift, reprocess, runs, scopes
from projections.admin import masks
from projections.admin.commands import CONFLICT, REFUSED
from projections.admin.forms import RunForm
from projections.admin.periods import PeriodForm, RangeForm
from projections.admin.reprocess import reason_of
from projections.findings import Difference
from projections.models import DirectoryEntry, ReprocessRun
from projections.read_models import NAMES
from projections.reprocess import Preview, StalePreviewError
from projections.runs import RunStateError
from projections.scopes import Scope, ScopeError
from users.aggregate import USER

RUN_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # in an address
ACTIONS = "pause|resume|cancel"
AT_ONCE_SECONDS = 1.0  # of a run's work done before the page is answered
RELOAD_SECONDS = 3  # of the page of a run that runs


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show the newest runs, what the drift detector knows, and ask whom."""
    return _list_page(request, RangeForm())


def _list_page(
    request: HttpRequest, asked: RangeForm, *, status: int = 200
) -> HttpResponse:
    return page(
        request,
        "admin/projections/runs.html",
        title=_("Reprocess"),
        status=status,
        asked=asked,
        runs=runs.recent(),
        drifted=drift.counts(NAMES),
        check=drift.last_check(),
        selected_most=scopes.MOST_SELECTED,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Show what reprocessing would change; on POST begin, if it is still the same."""
    elsewhere = _elsewhere(request)
    if elsewhere is not None:
        return elsewhere
    try:
        scope = _asked(request)
    except ScopeError as error:
        messages.error(request, labels.refusal(error))
        return SeeOther(reverse("admin:reprocess_runs"))
    if request.method != "POST":
        return _preview_page(request, scope, RunForm())
    form = RunForm(request.POST)
    reason = reason_of(form)
    if reason is None:
        return _preview_page(request, scope, form, status=REFUSED)
    try:
        is_careful = form.cleaned_data["canary"]
        begun = runs.start(
            form.cleaned_data["token"],
            reason=reason,
            canary=runs.CANARY if is_careful else 0,
        )
    except StalePreviewError as error:
        return _preview_page(request, scope, form, status=CONFLICT, stale=error)
    # What is quickly done is done when the page opens; workers do the rest.
    runs.attempt(begun.run_id, seconds=AT_ONCE_SECONDS)
    return SeeOther(reverse("admin:reprocess_run", args=[begun.run_id]))


def _elsewhere(request: HttpRequest) -> HttpResponse | None:
    """Return the way to the address in UTC, or the page that asks which time."""
    places, periods = RangeForm(request.GET), PeriodForm(request.GET)
    if request.method != "POST":
        moved = absolute(request, places) or absolute(request, periods)
        if moved is not None:
            return moved
    return _list_page(request, places, status=REFUSED) if places.errors else None


@require_safe
def differences(request: HttpRequest) -> HttpResponseBase:
    """Return every difference as CSV, computed while it is sent."""
    try:
        scope = _asked(request)
    except ScopeError as error:
        return not_found(request, labels.refusal(error))
    answer = StreamingHttpResponse(
        _lines(scope, sight.of(request)), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = 'attachment; filename="differences.csv"'
    return answer


@require_safe
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Show how far a run is, and what it did beside what its preview said."""
    try:
        found = runs.found(run_id)
    except RunStateError as error:
        return not_found(request, labels.refusal(error))
    is_open = found.state in runs.OPEN
    is_moving = found.state == ReprocessRun.State.RUNNING and "still" not in request.GET
    answer = page(
        request,
        "admin/projections/run.html",
        title=_("Reprocessing"),
        run=found,
        stream=f"{runs.CATEGORY}-{run_id}",
        asked=labels.said(scopes.from_json(found.scope).masked.told),
        is_open=is_open,
        is_moving=is_moving,
        rate=runs.rate(found),
        left_seconds=runs.left_seconds(found),
        is_asking=found.state == ReprocessRun.State.ASKING,
        tried=_tried(found),
        compared=_compared(found),
        reload_seconds=RELOAD_SECONDS,
    )
    if is_moving:
        answer["Refresh"] = str(RELOAD_SECONDS)  # works without scripts
    return answer


@require_POST
def change(request: HttpRequest, run_id: UUID, action: str) -> HttpResponse:
    """Pause a run, let it go on, or end it."""
    reason = request.POST.get("reason", "")
    try:
        match action:
            case "pause":
                runs.pause(run_id, reason=reason)
            case "resume":
                runs.resume(run_id)
            case _:
                runs.cancel(run_id, reason=reason)
    except RunStateError as error:
        messages.error(request, labels.refusal(error))
    return SeeOther(reverse("admin:reprocess_run", args=[run_id]))


def _asked(request: HttpRequest) -> Scope:
    asked = request.GET
    names_somebody = any(asked.get(name) for name in scopes.PERSONAL_FILTERS)
    if names_somebody and not sight.of(request).sees_all:
        raise ScopeError(str(sight.ONLY_BY_ID))
    match asked.get("scope", scopes.SELECTED):
        case scopes.FILTER:
            return scopes.filtered(_understood(asked, PeriodForm(asked)).urlencode())
        case scopes.TOUCHED:
            places = _understood(asked, RangeForm(asked))
            return scopes.between(places.get("first", ""), places.get("last", ""))
        case scopes.DRIFTED:
            return Scope(kind=scopes.DRIFTED)
        case scopes.ALL:
            return scopes.everybody()
        case scopes.SELECTED:
            return scopes.selected(_ids(asked.getlist("user")))
        case _:
            pass
    message = _("Nobody knows whom you mean.")
    raise ScopeError(message)


def _understood(asked: QueryDict, form: PeriodForm | RangeForm) -> QueryDict:
    """Return *asked* with its instants in UTC.

    Raises:
        ScopeError: One is none.
    """
    for name, errors in form.errors.items():
        message = f"{form[name].label}: {' '.join(map(str, errors))}"
        raise ScopeError(message)
    return in_utc(asked, form)


def _ids(typed: Sequence[str]) -> list[UUID]:
    try:
        return [UUID(each) for each in typed]
    except ValueError:
        message = _("One of the users is no user id.")
        raise ScopeError(message) from None


def _preview_page(
    request: HttpRequest,
    scope: Scope,
    form: RunForm,
    *,
    status: int = 200,
    stale: StalePreviewError | None = None,
) -> HttpResponse:
    preview = reprocess.preview_many(scope)
    return page(
        request,
        "admin/projections/preview.html",
        title=_title(preview),
        status=status,
        preview=preview,
        shown=_with_names(preview, sight.of(request)),
        names=preview.names,
        paused=pauses.of(preview.names),
        interval=preview.interval,
        percent=100 * preview.would_change / max(preview.checked, 1),
        left=max(sum(preview.fields.values()) - len(preview.shown), 0),
        rate=preview.events / max(preview.seconds, 0.001),
        estimate=preview.seconds * preview.users / max(preview.checked, 1),
        query=request.GET.urlencode(),
        may_try=preview.is_sample or preview.would_change > runs.CANARY,
        form=form,
        stale=stale,
    )


def _with_names(preview: Preview, seen: Sight) -> list[tuple[UUID, str, Difference]]:
    rows = DirectoryEntry.objects.in_bulk({user_id for user_id, _d in preview.shown})
    names = {user_id: row.name for user_id, row in rows.items()}
    for user_id, each in preview.shown:
        if each.name == "directory.name":  # the one of the row is wrong
            names[user_id] = each.after or ""
    return [
        (user_id, names.get(user_id, ""), each)
        if seen.sees(USER.stream(user_id))
        else (user_id, "", masks.difference(each))
        for user_id, each in preview.shown
    ]


def _title(preview: Preview) -> str:
    if preview.users == 1:
        return _("Reprocess 1 user")
    return _("Reprocess {count} users").format(count=intcomma(preview.users))


def _tried(run: ReprocessRun) -> list[tuple[str, str, bool]]:
    """Return id, fields and whether it failed, of those who were tried first."""
    return [
        (each["stream"].partition("-")[2], ", ".join(each["fields"]), each["failed"])
        for each in run.tried
    ]


def _compared(run: ReprocessRun) -> list[tuple[str, Any, int]]:
    said = run.previewed
    only = run.changed - run.created - run.deleted
    return [
        (_("Rows changed"), said["change"], only),
        (_("Rows created"), said["create"], run.created),
        (_("Rows deleted"), said["delete"], run.deleted),
        (_("Stayed the same"), said["nothing"], run.checked - run.changed - run.failed),
        (_("Could not be derived"), said["failed"], run.failed),
    ]


class _Echo:
    """Hands what is written straight on."""

    def write(self, line: str) -> str:
        """Return *line*."""
        return line


def _lines(scope: Scope, seen: Sight) -> Iterator[Any]:
    writer = csv.writer(_Echo())
    yield writer.writerow(
        ["user_id", "projection", "field", "now", "after", "set_by", "event_type"]
    )
    for user_id, found in reprocess.differences(scope):
        is_seen = seen.sees(USER.stream(user_id))
        each = found if is_seen else masks.difference(found)
        by = each.set_by
        cells = [user_id, each.projection, each.field, each.now, each.after]
        told = [None, None] if by is None else [by.position, by.type]
        yield writer.writerow([_safe(cell) for cell in [*cells, *told]])


def _safe(cell: Any) -> str:
    return "" if cell is None else forms.safe(str(cell))
