"""Rebuilding a read model: how it stands, and what an operator may do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from eventstore import (
    labels,
    rebuilds,
    standings,
    subscription_events,
    subscriptions,
)
from eventstore.admin import approvals
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.admin.subscriptions import REFUSED, ReasonForm
from eventstore.approvals.errors import SecondPersonError
from eventstore.approvals.events import REBUILD
from eventstore.errors import (
    EventStoreError,
    NotRebuildableError,
    RebuildRunsError,
    UnknownSubscriptionError,
)
from eventstore.subscriptions import Projection

REFRESH_SECONDS = 3  # while workers are at it
# Action -> what does it, and what is said when it is done.
ACTS: dict[str, tuple[Callable[..., object], Any]] = {
    "pause": (rebuilds.pause, gettext_lazy("The rebuild of {name} is paused.")),
    "resume": (rebuilds.resume, gettext_lazy("The rebuild of {name} goes on.")),
    "cancel": (rebuilds.cancel, gettext_lazy("The rebuild of {name} is cancelled.")),
    "compare": (rebuilds.compare, gettext_lazy("{name} is compared once more.")),
    "switch": (rebuilds.switch, gettext_lazy("{name} is served by the new tables.")),
    "switch-back": (
        rebuilds.switch_back,
        gettext_lazy("{name} is served by the kept tables again."),
    ),
    "accept": (
        rebuilds.accept,
        gettext_lazy("The changed code of {name} is accepted."),
    ),
}
ACTIONS = "|".join(ACTS)
# These ask nothing of a reason.
UNEXPLAINED = ("resume", "compare")


class StartForm(ReasonForm):
    """Why, and the projection's name typed as a second thought."""

    typed = forms.CharField(label=gettext_lazy("Name of the projection"))

    def __init__(self, *args: Any, name: str, **options: Any) -> None:
        """Ask for *name*."""
        super().__init__(*args, **options)
        self.name = name
        self.fields["typed"].help_text = _("Type {name} to confirm.").format(name=name)

    def clean_typed(self) -> str:
        """Refuse another name."""
        typed: str = self.cleaned_data["typed"]
        if typed != self.name:
            raise ValidationError(_("That is not its name."))
        return typed


@require_http_methods(["GET", "HEAD", "POST"])
def rebuild(request: HttpRequest, name: str) -> HttpResponse:
    """Show how the rebuild of a projection stands; on POST, start one."""
    try:
        projection = rebuilds.rebuildable(name)
    except (NotRebuildableError, UnknownSubscriptionError) as error:
        return not_found(request, labels.refusal(error))
    if request.method != "POST":
        return _shown(request, projection, StartForm(name=name), ReasonForm())
    form = StartForm(request.POST, name=name)
    if not form.is_valid():
        return _shown(request, projection, form, ReasonForm(), status=REFUSED)
    reason = form.cleaned_data["reason"]
    try:
        rebuilds.start(name, reason=reason)
    except SecondPersonError:
        target = subscription_events.stream_of(name)
        return approvals.ask(request, REBUILD, target, values={}, reason=reason)
    except RebuildRunsError as error:
        messages.error(request, labels.refusal(error))
    else:
        messages.success(
            request, _("{name} is built anew beside the live one.").format(name=name)
        )
    return SeeOther(_url(name))


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, name: str, action: str) -> HttpResponse:
    """Pause, resume, cancel, compare, switch, switch back, or accept the code.

    A GET comes from the page that asked for the password, and leads to the form again.
    """
    try:
        projection = rebuilds.rebuildable(name)
    except (NotRebuildableError, UnknownSubscriptionError) as error:
        return not_found(request, labels.refusal(error))
    if request.method != "POST":
        return SeeOther(_url(name))
    does, done = ACTS[action]
    form = ReasonForm(request.POST)
    if action not in UNEXPLAINED and not form.is_valid():
        start = StartForm(name=name)
        return _shown(request, projection, start, form, status=REFUSED)
    is_explained = action not in UNEXPLAINED
    asked = {"reason": form.cleaned_data["reason"]} if is_explained else {}
    if action == "switch":
        asked["with_letters"] = "with_letters" in request.POST
    try:
        does(name, **asked)
    except EventStoreError as error:
        messages.error(request, labels.refusal(error))
    else:
        messages.success(request, done.format(name=name))
    return SeeOther(_url(name))


def _shown(
    request: HttpRequest,
    projection: Projection,
    start: StartForm,
    form: ReasonForm,
    *,
    status: int = 200,
) -> HttpResponse:
    standing = standings.current(projection.name)
    is_worked_on = standing is not None and (
        standing.rebuild.state in {"filling", "indexing"}
        or standing.rebuild.is_comparison_due
    )
    refreshes = is_worked_on and request.method == "GET" and status != REFUSED
    return page(
        request,
        "admin/eventstore/rebuild.html",
        title=_("Rebuild {name}").format(name=projection.name),
        status=status,
        subscription=subscriptions.progress(projection),
        standing=standing,
        is_refuted=standing is not None and standing.is_refuted,
        latest=standings.latest(projection.name),
        start=start,
        form=form,
        refresh=REFRESH_SECONDS if refreshes else None,
        kept_hours=standings.kept_for().total_seconds() / 3600,
        takes_two=settings.FOUR_EYES,
    )


def _url(name: str) -> str:
    return reverse("admin:rebuild_subscription", args=[name])
