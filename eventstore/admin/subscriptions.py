"""Subscriptions for staff: how far each has come; pause and resume."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from eventstore import labels, liveness, pauses, store, subscriptions
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.errors import (
    SubscriptionPausedError,
    SubscriptionRunsError,
    UnknownSubscriptionError,
)
from eventstore.liveness import BucketLag
from eventstore.reasons import REASON_LENGTH
from eventstore.subscription_events import CATEGORY

REFUSED = 422
BUCKETS_SHOWN = 16  # all of one subscription, where one alone is late


class ReasonForm(forms.Form):
    """Why somebody does what cannot go unexplained."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Recorded as an event, for ever."),
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("for example: ticket OPS-412")}
        ),
    )


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show how far each subscription has come."""
    mark = store.watermark()
    vitals = liveness.vitals(mark)
    # Whoever was told to stop is no trouble: the row above says who did it, and why.
    paused = {each.name for each in vitals if each.pause}
    return page(
        request,
        "admin/eventstore/subscriptions.html",
        title=_("Subscriptions"),
        subscriptions=vitals,
        buckets=_furthest_behind(
            each
            for each in liveness.bucket_lags(mark)
            if each.subscription not in paused
        ),
    )


def _furthest_behind(buckets: Iterable[BucketLag]) -> list[BucketLag]:
    late = [each for each in buckets if each.error or each.is_late]
    return sorted(late, key=lambda each: -each.lag_seconds)[:BUCKETS_SHOWN]


@require_safe
def subscription(request: HttpRequest, name: str) -> HttpResponse:
    """Show one: what it does, who is at it, and each of its checkpoints."""
    mark = store.watermark()
    vital = next((each for each in liveness.vitals(mark) if each.name == name), None)
    if vital is None:
        return not_found(request, labels.refusal(UnknownSubscriptionError(name)))
    return page(
        request,
        "admin/eventstore/subscription.html",
        title=name,
        vital=vital,
        subscriptions=[vital],
        stream=f"{CATEGORY}-{name}",
        buckets=[
            each for each in liveness.bucket_lags(mark) if each.subscription == name
        ],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Say what a pause means and ask why, then pause."""
    try:
        found = subscriptions.progress(subscriptions.find(name))
    except UnknownSubscriptionError as error:
        return not_found(request, labels.refusal(error))
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        try:
            pauses.pause(name, reason=form.cleaned_data["reason"])
        except SubscriptionPausedError as error:
            messages.error(request, labels.refusal(error))
        else:
            messages.success(
                request, _("The subscription {name} is paused.").format(name=name)
            )
        return SeeOther(reverse("admin:subscriptions"))
    return page(
        request,
        "admin/eventstore/subscription_pause.html",
        title=_("Pause {name}").format(name=name),
        status=REFUSED if form.errors else 200,
        subscription=found,
        form=form,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def pause_all(request: HttpRequest) -> HttpResponse:
    """Say which would be paused and ask why, then pause all that run."""
    return _all(request, is_pause=True)


@require_http_methods(["GET", "HEAD", "POST"])
def resume_all(request: HttpRequest) -> HttpResponse:
    """Say which would go on and ask why, then resume all that are paused."""
    return _all(request, is_pause=False)


def _all(request: HttpRequest, *, is_pause: bool) -> HttpResponse:
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        names = [each.name for each in subscriptions.all_subscriptions()]
        change = pauses.pause_all if is_pause else pauses.resume_all
        done = len(change(names, reason=form.cleaned_data["reason"]))
        said = (
            ngettext(
                "{count} subscription paused.", "{count} subscriptions paused.", done
            )
            if is_pause
            else ngettext(
                "{count} subscription goes on.", "{count} subscriptions go on.", done
            )
        )
        messages.success(request, said.format(count=done))
        return SeeOther(reverse("admin:subscriptions"))
    found = subscriptions.progress_of_all(store.watermark())
    return page(
        request,
        "admin/eventstore/subscriptions_all.html",
        title=_("Pause all") if is_pause else _("Resume all"),
        status=REFUSED if form.errors else 200,
        concerned=[each for each in found if (each.pause is None) == is_pause],
        is_pause=is_pause,
        form=form,
    )


@require_POST
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let it go on."""
    try:
        pauses.resume(subscriptions.find(name).name)
    except UnknownSubscriptionError as error:
        return not_found(request, labels.refusal(error))
    except SubscriptionRunsError as error:
        messages.error(request, labels.refusal(error))
    else:
        messages.success(
            request, _("The subscription {name} goes on.").format(name=name)
        )
    return SeeOther(reverse("admin:subscriptions"))
