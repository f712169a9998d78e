"""What other systems sent, for staff: the raw inbox, one record, and quarantine."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from eventstore import labels
from eventstore.admin.instants import InstantField, absolute
from eventstore.admin.pages import SeeOther, not_found, number, page, refused
from eventstore.admin.subscriptions import REFUSED, ReasonForm
from eventstore.errors import EventStoreError
from eventstore.intake import inbox, mapping, raw, reprocessing, rereading
from eventstore.intake.errors import UnknownRecordError, UnknownSourceError
from eventstore.intake.inbox import SHOWN, Wanted
from eventstore.intake.models import RecordMapping
from eventstore.intake.reprocessing import Outcome, Selection

PERSON = "user"  # category of the streams of persons
SHOWN_BYTES = 100_000  # of a body


def _states() -> list[tuple[str, str]]:
    return [(each, labels.code(each).capitalize()) for each in RecordMapping.State]


class InboxForm(forms.Form):
    """Which records are listed."""

    source = forms.ChoiceField(label=gettext_lazy("Source"), required=False)
    state = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=lambda: [("", _("any")), *_states()],
    )
    text = forms.CharField(
        label=gettext_lazy("Id"),
        required=False,
        max_length=300,
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("record, entity or delivery")}
        ),
    )
    until = InstantField(label=gettext_lazy("Received until"))

    def __init__(self, query: object) -> None:
        """Offer the sources that ever sent something."""
        super().__init__(query)  # type: ignore[arg-type]
        names = [(name, name) for name in inbox.sources_seen()]
        self.fields["source"].choices = [("", _("any")), *names]  # type: ignore[attr-defined]


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """List what came in, newest first."""
    form = InboxForm(request.GET)
    moved = absolute(request, form)
    if moved is not None:
        return moved
    asked = form.cleaned_data if form.is_valid() else {}
    group, error = request.GET.get("group", ""), request.GET.get("error", "")
    wanted = Wanted(
        source=asked.get("source", ""),
        state=asked.get("state", ""),
        text=asked.get("text", "").strip(),
        until=asked.get("until"),
        group=group if group.isalnum() else "",
        error=error if error.isprintable() else "",
        before=number(request, "before"),
    )
    found = inbox.listed(wanted) if form.is_valid() else []
    return page(
        request,
        "admin/eventstore/raw_records.html",
        title=_("Raw inbox"),
        form=form,
        entries=found[:SHOWN],
        next=found[SHOWN - 1].mapping.raw_id if len(found) > SHOWN else None,
    )


@require_safe
def record(request: HttpRequest, record_id: UUID) -> HttpResponse:
    """Show one record, without its body."""
    return _record_page(request, record_id)


@never_cache
@require_POST
def reveal(request: HttpRequest, record_id: UUID) -> HttpResponse:
    """Show the body, once; that it was shown is an event."""
    try:
        body = inbox.reveal(record_id)
    except EventStoreError as error:
        messages.error(request, labels.refusal(error))
        return SeeOther(reverse("admin:raw_record", args=[record_id]))
    return _record_page(request, record_id, body=body)


@require_POST
def reprocess(request: HttpRequest, record_id: UUID) -> HttpResponse:
    """Map one record again, and its entity with it."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _record_page(request, record_id, form=form, status=REFUSED)
    reason = form.cleaned_data["reason"]
    try:
        source = raw.find(record_id)[1].source
        wanted = Selection(source=source, records=(record_id,))
        outcome = reprocessing.reprocess(wanted, reason=reason)
        mapping.map_next(source)
    except EventStoreError as error:
        messages.error(request, labels.refusal(error))
    else:
        _say(request, outcome)
    return SeeOther(reverse("admin:raw_record", args=[record_id]))


@require_POST
def skip(request: HttpRequest, record_id: UUID) -> HttpResponse:
    """Give one record up, with a reason."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _record_page(request, record_id, form=form, status=REFUSED)
    try:
        reprocessing.skip(record_id, reason=form.cleaned_data["reason"])
    except EventStoreError as error:
        messages.error(request, labels.refusal(error))
    else:
        messages.success(request, _("Skipped. What waited behind it goes on."))
    return SeeOther(reverse("admin:raw_record", args=[record_id]))


@require_safe
def quarantine(request: HttpRequest) -> HttpResponse:
    """Show what could not be mapped, by error."""
    return page(
        request,
        "admin/eventstore/record_quarantine.html",
        title=_("Quarantine"),
        groups=[(each, reprocessing.may_map(each.source)) for each in inbox.groups()],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def retry_group(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """Say what will be tried and ask why, then have the workers try it."""
    found = [each for each in inbox.groups() if each.fingerprint == fingerprint]
    if not found:
        return not_found(request, _("Nothing of this group is in quarantine."))
    group = found[0]
    if not reprocessing.may_map(group.source):
        return refused(request, labels.refusal(UnknownSourceError(group.source)))
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        wanted = Selection(source=group.source, records=inbox.of_group(fingerprint))
        try:
            outcome = reprocessing.reprocess(wanted, reason=form.cleaned_data["reason"])
        except EventStoreError as error:
            messages.error(request, labels.refusal(error))
        else:
            _say(request, outcome)
        return SeeOther(reverse("admin:record_quarantine"))
    return page(
        request,
        "admin/eventstore/record_group.html",
        title=_("Try a group again"),
        status=REFUSED if form.errors else 200,
        group=group,
        form=form,
    )


def _record_page(
    request: HttpRequest,
    record_id: UUID,
    *,
    body: bytes | None = None,
    form: ReasonForm | None = None,
    status: int = 200,
) -> HttpResponse:
    try:
        found, its = raw.find(record_id)
    except UnknownRecordError:
        return not_found(request, _("There is no such raw record."))
    category, _dash, person = its.subject.partition("-")
    return page(
        request,
        "admin/eventstore/raw_record.html",
        title=_("Raw record"),
        status=status,
        record=found,
        mapping=its,
        person=person if category == PERSON else "",
        headers=sorted(found.headers.items()),
        is_shown=body is not None,
        body=(body or b"")[:SHOWN_BYTES].decode("utf-8", "replace"),
        is_cut=body is not None and len(body) > SHOWN_BYTES,
        is_open=its.state in raw.OPEN,
        can_reprocess=its.state in (*reprocessing.TRIED_AGAIN, *rereading.MAPPED),
        may_map=reprocessing.may_map(its.source),
        is_fetched=found.kind == raw.RECORD,
        waiting=inbox.waiting_behind(its),
        events=inbox.events_of(record_id),
        form=form or ReasonForm(),
    )


def _say(request: HttpRequest, outcome: Outcome) -> None:
    if outcome.failed:
        messages.error(request, _("The mapper failed; everything is as it was."))
    elif outcome.retried:
        text = ngettext(
            "{count} record is tried again.",
            "{count} records are tried again.",
            outcome.retried,
        )
        messages.success(request, text.format(count=outcome.retried))
    elif outcome.changed:
        messages.success(request, _("Mapped again; something came out otherwise."))
    else:
        messages.success(request, _("Mapped again; nothing came out otherwise."))
