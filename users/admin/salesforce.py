"""Runs over Salesforce in the back office: watched, started, steered, approved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from eventstore import labels
from eventstore.admin import sight
from eventstore.admin.instants import InstantField
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.admin.sight import Sight
from eventstore.events import SALESFORCE
from eventstore.intake import inbox
from users.admin.salesforce_run import run_page
from users.errors import UserError
from users.models import SalesforceConflict, SalesforceRun
from users.sources.salesforce import conflicts, records, runs, schedule, shut_out
from users.sources.salesforce.comparing import DIFFERS
from users.sources.salesforce.errors import (
    ConflictError,
    RunActiveError,
    SalesforceError,
    UnknownRunError,
)
from users.sources.salesforce.options import options
from users.sources.salesforce.run_state import Mode
from users.values import REASON_LENGTH

REFUSED = 422
SHOWN = 50  # newest runs
SEE_RUNS = "users.view_salesforcerun"
FETCHED = "Asked for on the page of the user."  # in the log, so in one language
STEERING: dict[str, tuple[Callable[..., SalesforceRun], Any]] = {
    "pause": (runs.pause, gettext_lazy("It stops after the page it is at.")),
    "resume": (runs.resume, gettext_lazy("It goes on where it stood.")),
    "cancel": (runs.cancel, gettext_lazy("Cancelled. What it recorded stays.")),
    "approve": (runs.approve, gettext_lazy("Approved. The deactivations follow.")),
}
MODES = {
    Mode.INCREMENTAL: gettext_lazy("incremental: what changed since last time"),
    Mode.RECONCILE: gettext_lazy("reconcile: everything, and who is missing"),
    Mode.FULL: gettext_lazy("full: everything, for the first load"),
    Mode.RECORD: gettext_lazy("record: the records named below"),
}


class StartForm(forms.Form):
    """Which run is wanted: shape only; the rules are in ``users.sources``."""

    mode = forms.ChoiceField(label=gettext_lazy("Read"), choices=list(MODES.items()))
    ids = forms.CharField(
        label=gettext_lazy("Record ids"),
        required=False,
        help_text=gettext_lazy("For record only, with spaces between them."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    since = InstantField(
        label=gettext_lazy("Back to"),
        help_text=gettext_lazy(
            "For incremental only: read again what changed since then. What is known"
            " already leads to nothing."
        ),
    )
    dry_run = forms.ChoiceField(
        label=gettext_lazy("And then"),
        choices=[
            ("", gettext_lazy("apply it")),
            ("yes", gettext_lazy("only say what would change")),
        ],
        required=False,
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=REASON_LENGTH, required=False
    )


class ReasonForm(forms.Form):
    """Why somebody steers a run."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=REASON_LENGTH,
        required=False,
        help_text=gettext_lazy("Recorded as an event, for ever."),
    )


class NeededReasonForm(ReasonForm):
    """Why somebody approves, or settles a conflict; it cannot go unexplained."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=REASON_LENGTH,
        help_text=gettext_lazy("Recorded as an event, for ever."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """An open conflict and what it is about."""

    row: SalesforceConflict
    told: Mapping[str, Any]
    may_be_theirs: bool
    problem: str = ""
    form: forms.Form | None = None


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show the newest runs, and how the readings stand."""
    newest = SalesforceRun.objects.order_by("-started_at")
    return page(
        request,
        "admin/users/salesforce_runs.html",
        title=_("Salesforce"),
        runs=newest[:SHOWN],
        shown=SHOWN,
        standing=schedule.standing(),
        is_enabled=options().enabled,
        is_schedule_off=options().enabled and shut_out.is_schedule_off(),
    )


@require_POST
def reach(request: HttpRequest) -> HttpResponse:
    """Test the connection, and say what was found."""
    try:
        found = schedule.reach()
    except SalesforceError as error:
        messages.error(request, labels.refusal(error))
    else:
        text = _("Reached org {org}: {used} of {most} requests used today.")
        told = text.format(org=found.org_id, used=found.used, most=found.most)
        if found.missing:
            fields = ", ".join(found.missing)
            told += " " + _("Fields we may not see: {fields}.").format(fields=fields)
        messages.success(request, told)
    return SeeOther(reverse("admin:salesforce_runs"))


@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """Ask which run is wanted, and start it."""
    asked = {} if request.POST else _asked_for(request)
    form = StartForm(request.POST or None, initial=asked)
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            row = runs.start(
                Mode(wanted["mode"]),
                ids=wanted["ids"].split(),
                since=wanted["since"],
                dry_run=bool(wanted["dry_run"]),
                reason=wanted["reason"],
            )
        except (SalesforceError, UserError) as error:
            form.add_error(None, _refusal(request, error))
        else:
            return SeeOther(reverse("admin:salesforce_run", args=[row.run_id]))
    return page(
        request,
        "admin/users/salesforce_start.html",
        title=_("Start a run"),
        status=REFUSED if form.errors else 200,
        form=form,
        standing=schedule.standing(),
        reconciled_at=schedule.last_reconciled(),
    )


@require_POST
def fetch(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Start a run over the records that tell of one user."""
    place = reverse("admin:user", args=[user_id])
    ids = records.to_fetch(user_id)
    if not ids:
        messages.error(request, _("No record of Salesforce tells of this user."))
        return SeeOther(f"{place}?tab=salesforce")
    try:
        row = runs.start(Mode.RECORD, ids=ids, reason=FETCHED)
    except SalesforceError as error:
        messages.error(request, _refusal(request, error))
        return SeeOther(f"{place}?tab=salesforce")
    if request.user.has_perm(SEE_RUNS):
        return SeeOther(reverse("admin:salesforce_run", args=[row.run_id]))
    messages.success(request, _("Started. What it finds is here in a moment."))
    return SeeOther(f"{place}?tab=salesforce")


@require_safe
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Show one run: how far it is, what it did, and whom it waits for."""
    try:
        row = runs.find(run_id)
    except UnknownRunError as error:
        return not_found(request, labels.refusal(error))
    return run_page(request, row, ReasonForm())


@require_POST
def approve(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Let a run deactivate whom it waits for; a right of its own."""
    return steer(request, run_id, "approve")


@require_POST
def steer(request: HttpRequest, run_id: UUID, action: str) -> HttpResponse:
    """Tell a run to do otherwise."""
    carry_out, text = STEERING[action]
    form = (NeededReasonForm if action == "approve" else ReasonForm)(request.POST)
    try:
        if not form.is_valid():
            return run_page(request, runs.find(run_id), form, status=REFUSED)
        carry_out(run_id, reason=form.cleaned_data["reason"])
    except UnknownRunError as error:
        return not_found(request, labels.refusal(error))
    except (SalesforceError, UserError) as error:
        messages.error(request, labels.refusal(error))
    else:
        messages.success(request, str(text))
    return SeeOther(reverse("admin:salesforce_run", args=[run_id]))


@require_safe
def disputes(request: HttpRequest) -> HttpResponse:
    """Show what Salesforce and we say differently."""
    return _disputes_page(request)


@require_POST
def settle(request: HttpRequest, number: int) -> HttpResponse:
    """Let one side be right."""
    winner = request.POST.get("winner", "")
    form = NeededReasonForm(request.POST, auto_id=f"%s-{number}")
    if not form.is_valid():
        return _disputes_page(request, refused={number: form}, status=REFUSED)
    try:
        if winner not in (conflicts.OURS, conflicts.THEIRS):
            messages.error(request, _("Say who is right."))
        else:
            why = form.cleaned_data["reason"]
            seen = request.POST.get("version", "")
            conflicts.resolve(
                number,
                winner=winner,
                reason=why,
                version=int(seen) if seen.isdecimal() else 0,
            )
            messages.success(request, _("Settled."))
    except (SalesforceError, UserError) as error:
        messages.error(request, labels.refusal(error))
    return SeeOther(reverse("admin:salesforce_conflicts"))


def dispute(row: SalesforceConflict, seen: Sight) -> Dispute:
    """Return an open conflict as somebody may see it; a problem where none can be."""
    try:
        told = seen.event(conflicts.opening(row)).data
    except ConflictError as error:
        problem = labels.refusal(error)
        return Dispute(row=row, told={}, may_be_theirs=False, problem=problem)
    return Dispute(row=row, told=told, may_be_theirs=row.kind == DIFFERS)


def _asked_for(request: HttpRequest) -> dict[str, str]:
    """Return what a link to the form has filled in."""
    mode, error = request.GET.get("mode", ""), request.GET.get("quarantined", "")
    ids = request.GET.get("ids", "")
    if error and error.isprintable():
        found = inbox.entities(SALESFORCE, error, limit=runs.MOST_IDS + 1)
        ids = " ".join(found[: runs.MOST_IDS])
        if len(found) > runs.MOST_IDS:
            text = _("There are more than {most}: the first {most} are named here.")
            more = _("Come back for the others once they were read.")
            messages.warning(request, f"{text.format(most=runs.MOST_IDS)} {more}")
    return {"mode": mode, "ids": ids} if mode in MODES else {}


def _disputes_page(
    request: HttpRequest,
    *,
    refused: Mapping[int, forms.Form] = MappingProxyType({}),
    status: int = 200,
) -> HttpResponse:
    rows = SalesforceConflict.objects.filter(resolved_at=None).order_by("opened_at")
    seen = sight.of(request)
    return page(
        request,
        "admin/users/salesforce_conflicts.html",
        title=_("Conflicts"),
        status=status,
        disputes=[
            replace(
                dispute(row, seen),
                form=refused.get(row.pk) or NeededReasonForm(auto_id=f"%s-{row.pk}"),
            )
            for row in rows[:SHOWN]
        ],
        count=rows.count(),
        shown=SHOWN,
        form=next(iter(refused.values()), None),
    )


def _refusal(request: HttpRequest, error: Exception) -> str:
    """Return why something was refused, with a link to the run that is in the way."""
    text = labels.refusal(error)
    other = error.run_id if isinstance(error, RunActiveError) else ""
    if not (other and request.user.has_perm(SEE_RUNS)):
        return text
    return format_html(
        '{} <a class="inline" href="{}">{}</a>',
        text,
        reverse("admin:salesforce_run", args=[other]),
        _("Look at the run"),
    )
