"""Exports: ask for a file of what a list shows, watch it being made, fetch it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from eventstore import labels
from eventstore.admin import sight
from eventstore.admin.filters import AuditForm, EventFilterForm
from eventstore.admin.instants import in_utc
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.exports import forms as written
from eventstore.exports import keeping, kinds
from eventstore.exports.errors import (
    ExportEndedError,
    ExportGoneError,
    ExportRunsError,
)
from eventstore.exports.keeping import Wanted
from eventstore.exports.kinds import Kind
from projections import scopes
from projections.admin.asked import AskingError, of_events, refuse_errors
from projections.admin.commands import CONFLICT, REFUSED
from projections.admin.periods import PastForm, PeriodForm
from projections.exports import KINDS, PERSONAL_FILTERS
from projections.filters import DirectoryFilter
from projections.models import DirectoryEntry
from users import values
from users.errors import InvalidValueError
from users.sources.salesforce import runs
from users.sources.salesforce.errors import UnknownRunError
from users.values import REASON_LENGTH

AT_ONCE_ROWS = 10_000  # made before the page is answered; workers do what is more
AT_ONCE_SECONDS = 5.0
RELOAD_SECONDS = 2  # of the page of an export that runs
TITLES = {
    "events": gettext_lazy("events"),
    "users": gettext_lazy("users"),
    "streams": gettext_lazy("streams"),
    "audit": gettext_lazy("audit entries"),
    "salesforce_findings": gettext_lazy("what a Salesforce run would change"),
}
# What one must be able to see beside exporting.
SEES = {
    "events": "eventstore.view_storedevent",
    "users": "projections.view_directoryentry",
    "streams": "eventstore.view_storedevent",
    "audit": "eventstore.view_audit",
    "salesforce_findings": "users.view_salesforcerun",
}
OF_ONE = frozenset({"salesforce_findings"})  # kinds that are of some one thing
PLACES = ("kind", "cursor", "before", "after", "limit", "expand", "window")


class ExportForm(forms.Form):
    """How, which columns, and why."""

    form = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=[
            (written.CSV, gettext_lazy("CSV, for spreadsheets")),
            (written.JSON, gettext_lazy("JSON, one document")),
            (written.NDJSON, gettext_lazy("NDJSON, a row a line")),
        ],
        initial=written.CSV,
        widget=forms.Select,
    )
    columns = forms.MultipleChoiceField(
        label=gettext_lazy("Columns"), widget=forms.CheckboxSelectMultiple
    )
    zone = forms.CharField(
        required=False,
        max_length=64,
        label=gettext_lazy("Local times, too"),
        help_text=gettext_lazy(
            "Times are in UTC. Name a zone for a second column beside each."
        ),
        widget=forms.TextInput(
            attrs={"placeholder": "Europe/Berlin", "autocomplete": "off"}
        ),
    )
    personal = forms.BooleanField(
        required=False,
        label=gettext_lazy("With names, e-mail addresses and reasons"),
    )
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Recorded with your name, for ever, and in the file."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "placeholder": gettext_lazy("for example: ticket OPS-412"),
            }
        ),
    )

    def __init__(self, *args: Any, kind: Kind, sees_all: bool, **options: Any) -> None:
        """Offer the columns of *kind*, and persons to those who see them."""
        super().__init__(*args, **options)
        columns = cast("forms.MultipleChoiceField", self.fields["columns"])
        columns.choices = [(name, name) for name in kind.columns]
        columns.initial = list(kind.columns)
        self.columns_of = kind.columns
        if not sees_all or kind.name == "streams":
            del self.fields["personal"]

    def clean_columns(self) -> list[str]:
        """Return the columns in the order of the kind's."""
        chosen = set(self.cleaned_data["columns"])
        return [name for name in self.columns_of if name in chosen]

    def clean_zone(self) -> str:
        """Return the zone's name."""
        zone: str = self.cleaned_data["zone"]
        if zone and zone not in available_timezones():
            raise ValidationError(_("There is no such zone; try Europe/Berlin."))
        return zone

    def clean_reason(self) -> str:
        """Return the reason; what cannot be read is none."""
        try:
            return values.reason(self.cleaned_data["reason"])
        except InvalidValueError as error:
            raise ValidationError(labels.refusal(error)) from error


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show one's own exports of the last day, and what can be exported."""
    return page(
        request,
        "admin/exports/exports.html",
        title=_("Exports"),
        exports=keeping.of(_account(request)),
        kinds=[
            (name, title)
            for name, title in TITLES.items()
            if name not in OF_ONE and request.user.has_perm(SEES[name])
        ],
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Ask how and why; posted, make what is small, and leave the rest to workers."""
    kind = KINDS.get(request.GET.get("kind", "events"))
    if kind is None:
        return not_found(request, _("There is no such list to export."))
    if not request.user.has_perm(SEES[kind.name]):
        raise PermissionDenied
    seen = sight.of(request)
    try:
        asked = _asked(request, kind, sees_all=seen.sees_all)
    except AskingError as error:
        messages.error(request, labels.refusal(error))
        return SeeOther(_list_url(kind))
    form = ExportForm(request.POST or None, kind=kind, sees_all=seen.sees_all)
    status = 200
    if request.method == "POST":
        status = REFUSED
        if form.is_valid():
            try:
                return _started(request, kind, asked, form)
            except ExportRunsError:
                form.add_error(None, _("Another export of yours is still being made."))
                status = CONFLICT
    return page(
        request,
        "admin/exports/new.html",
        title=_("Export {what}").format(what=TITLES[kind.name]),
        status=status,
        kind=kind.name,
        asked=kinds.in_words(asked),
        form=form,
        list_url=_list_url(kind, asked),
    )


@require_safe
def export(request: HttpRequest, export_id: UUID) -> HttpResponse:
    """Show how far one's export is, and lead to the file."""
    try:
        found = keeping.found(export_id, account=_account(request))
    except ExportGoneError:
        return _gone(request)
    is_running = found.state == "running"
    answer = page(
        request,
        "admin/exports/export.html",
        title=_("Export of {what}").format(what=TITLES[found.kind]),
        export=found,
        asked=KINDS[found.kind].words(found.asked) if found.asked else "",
        percent=keeping.percent(found),
        stream=f"{keeping.CATEGORY}-{export_id}",
        body_begins=keeping.body_begins(found),
    )
    if is_running and "still" not in request.GET:
        answer["Refresh"] = str(RELOAD_SECONDS)  # works without scripts
    return answer


@require_POST
def cancel(request: HttpRequest, export_id: UUID) -> HttpResponse:
    """Stop one's export that is being made, and show where it stands."""
    try:
        keeping.cancel(export_id, KINDS, account=_account(request))
    except ExportGoneError:
        return _gone(request)
    except ExportEndedError as error:
        text = _("Nothing was cancelled: the export had ended before ({state}).")
        messages.error(request, text.format(state=labels.code(error.state)))
    else:
        messages.success(request, _("Cancelled. Nothing of the file is kept."))
    return SeeOther(reverse("admin:export", args=[export_id]))


@never_cache
@require_safe
def file(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    """Return the file to whoever asked for it and may still see what it holds."""
    try:
        found = keeping.found(export_id, account=_account(request))
    except ExportGoneError:
        return _gone(request)
    if found.state != "done":
        return SeeOther(reverse("admin:export", args=[export_id]))
    is_unseen = found.is_plain and not sight.of(request).sees_all
    if is_unseen or not request.user.has_perm(SEES[found.kind]):
        raise PermissionDenied
    answer = StreamingHttpResponse(
        keeping.content(found), content_type=written.CONTENT_TYPES[found.form]
    )
    name = f"annals-{found.kind}-{found.started_at:%Y-%m-%d}-{str(found.pk)[-8:]}"
    answer["Content-Disposition"] = f'attachment; filename="{name}.{found.form}"'
    answer["Content-Length"] = str(found.size_bytes)
    return answer


def _started(
    request: HttpRequest, kind: Kind, asked: dict[str, Any], form: ExportForm
) -> HttpResponse:
    wanted = Wanted(
        kind=kind.name,
        form=form.cleaned_data["form"],
        columns=form.cleaned_data["columns"],
        zone=form.cleaned_data["zone"],
        is_plain=form.cleaned_data.get("personal", False),
        asked=asked,
        reason=form.cleaned_data["reason"],
    )
    begun = keeping.start(wanted, account=_account(request))
    keeping.go_on(begun.pk, KINDS, seconds=AT_ONCE_SECONDS, rows=AT_ONCE_ROWS)
    return SeeOther(reverse("admin:export", args=[begun.pk]))


def _asked(request: HttpRequest, kind: Kind, *, sees_all: bool) -> dict[str, Any]:
    """Return the filter of the list, as its kind has it.

    Raises:
        AskingError: It is not understood: nothing is exported that was not asked for.
    """
    asked = request.GET.copy()
    for name in PLACES:
        asked.pop(name, None)
    match kind.name:
        case "events" | "audit":
            form_class = AuditForm if kind.name == "audit" else EventFilterForm
            return _events_asked(form_class, asked, sees_all=sees_all)
        case "users":
            return _users_asked(asked, sees_all=sees_all)
        case "salesforce_findings":
            return _run_asked(asked)
        case _:
            return {"category": asked.get("category", "").replace("\0", "")[:100]}


def _events_asked(
    form_class: type[EventFilterForm], asked: QueryDict, *, sees_all: bool
) -> dict[str, Any]:
    if asked.get("around"):
        raise AskingError(
            _("What lies around an instant is no export; use “From” and “Before”.")
        )
    return of_events(form_class, asked, sees_all=sees_all)


def _users_asked(asked: QueryDict, *, sees_all: bool) -> dict[str, Any]:
    if not sees_all and any(asked.get(name) for name in PERSONAL_FILTERS):
        raise AskingError(str(sight.ONLY_BY_ID))
    for form in (PeriodForm(asked), PastForm(asked)):
        refuse_errors(form)
        asked = in_utc(asked, form)
    wanted = DirectoryFilter(asked, DirectoryEntry.objects.all())
    refuse_errors(wanted.form, labelled=scopes.label)
    all_names = (*DirectoryFilter.base_filters, *PastForm.base_fields)
    names = [name for name in all_names if asked.get(name)]
    return {name: asked[name] for name in names}


def _run_asked(asked: QueryDict) -> dict[str, Any]:
    try:
        run_id = UUID(asked.get("run", ""))
        runs.find(run_id)
    except (ValueError, UnknownRunError):
        raise AskingError(_("There is no such Salesforce run.")) from None
    return {"run": str(run_id)}


def _list_url(kind: Kind, asked: Mapping[str, Any] = MappingProxyType({})) -> str:
    if kind.name not in OF_ONE:
        return reverse(f"admin:{kind.name}")
    if "run" in asked:
        return reverse("admin:salesforce_run", args=[asked["run"]])
    return reverse("admin:salesforce_runs")


def _account(request: HttpRequest) -> int:
    return cast("User", request.user).pk


def _gone(request: HttpRequest) -> HttpResponse:
    return not_found(
        request,
        _("There is no such export of yours. Files are kept for 24 hours."),
    )
