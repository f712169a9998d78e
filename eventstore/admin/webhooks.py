"""Webhooks for staff: where events are told, what is owed, and what to do about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from eventstore import codec, labels
from eventstore.admin import sight
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.reasons import REASON_LENGTH
from eventstore.webhooks import courier, endpoints
from eventstore.webhooks.endpoints import NAME_LENGTH
from eventstore.webhooks.errors import (
    AddressError,
    EndpointNameError,
    UnknownDeliveryError,
    UnknownEndpointError,
    WebhookError,
)
from eventstore.webhooks.models import WebhookDelivery, WebhookEndpoint

REFUSED = 422
SHOWN = 100  # deliveries on the page
ACTIONS = "pause|resume|remove|redeliver-failed|redeliver"  # a pattern of addresses


def _type_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in codec.type_names()]


class EndpointForm(forms.Form):
    """A new endpoint: shape only; the rules are in ``eventstore.webhooks``."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    url = forms.CharField(
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("HTTPS, outside this network."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "inputmode": "url",
                "placeholder": "https://example.com/hooks",
            }
        ),
    )
    types = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        choices=_type_choices,
        required=False,
        help_text=gettext_lazy("None chosen means all of them."),
        widget=forms.SelectMultiple(attrs={"size": 6}),
    )
    personal = forms.ChoiceField(
        label=gettext_lazy("Personal data"),
        choices=[
            ("no", gettext_lazy("masked")),
            ("yes", gettext_lazy("sent: names, addresses, everything")),
        ],
    )


class PauseForm(forms.Form):
    """Why an endpoint is paused."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=REASON_LENGTH, required=False
    )


@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """List the endpoints with what they are owed."""
    owed = courier.owed()
    rows = [(each, owed.get(each.pk, {})) for each in endpoints.every()]
    return page(
        request, "admin/eventstore/webhooks.html", title=_("Webhooks"), rows=rows
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Add an endpoint, and show its secret once."""
    form = EndpointForm(request.POST or None)
    if not sight.of(request).sees_all:
        # Nobody has sent elsewhere what they may not see here.
        form.fields["personal"].choices = form.fields["personal"].choices[:1]  # type: ignore[attr-defined]
    if form.is_valid():
        asked = form.cleaned_data
        try:
            opened = endpoints.add(
                asked["name"],
                asked["url"],
                types=asked["types"],
                personal=asked["personal"] == "yes",
            )
        except EndpointNameError as error:
            form.add_error("name", labels.refusal(error))
        except AddressError as error:
            form.add_error("url", labels.refusal(error))
        else:
            return _endpoint_page(request, opened.endpoint, secret=opened.secret)
    return page(
        request,
        "admin/eventstore/webhook_add.html",
        title=_("Add a webhook"),
        status=REFUSED if form.errors else 200,
        form=form,
    )


@require_safe
def webhook(request: HttpRequest, name: str) -> HttpResponse:
    """Show one endpoint and its newest deliveries."""
    try:
        return _endpoint_page(request, endpoints.named(name))
    except UnknownEndpointError as error:
        return not_found(request, labels.refusal(error))


@never_cache
@require_POST
def rotate(request: HttpRequest, name: str) -> HttpResponse:
    """Make a new secret and show it once; sent twice, it is made once."""
    seen = request.POST.get("seen", "")
    try:
        opened = endpoints.rotate(name, seen=int(seen) if seen.isdecimal() else 0)
    except UnknownEndpointError as error:
        return not_found(request, labels.refusal(error))
    except WebhookError as error:
        messages.error(request, labels.refusal(error))
        return _back(name)
    return _endpoint_page(request, opened.endpoint, secret=opened.secret)


@require_POST
def change(request: HttpRequest, name: str, action: str) -> HttpResponse:
    """Pause, resume, remove, or bring again; then show where that led."""
    try:
        text = _done(request, name, action)
    except UnknownEndpointError as error:
        return not_found(request, labels.refusal(error))
    except WebhookError as error:
        messages.error(request, labels.refusal(error))
    else:
        messages.success(request, text)
        if action == "remove":
            return SeeOther(reverse("admin:webhooks"))
    return _back(name)


def _done(request: HttpRequest, name: str, action: str) -> str:
    match action:
        case "pause":
            form = PauseForm(request.POST)
            reason = form.cleaned_data["reason"] if form.is_valid() else ""
            endpoints.pause(name, reason=reason)
            return _("Paused. What is owed is kept.")
        case "resume":
            endpoints.resume(name)
            return _("Resumed.")
        case "remove":
            endpoints.remove(name)
            return _("Removed.")
        case "redeliver-failed":
            since = endpoints.named(name).created_at
            count = courier.redeliver_failed(name, since=since)
            return _("{count} to be brought again.").format(count=count)
        case _:
            courier.redeliver(name, _event_id(request))
            return _("It is brought again.")


def _event_id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("event", ""))
    except ValueError as error:
        raise UnknownDeliveryError from error


def _endpoint_page(
    request: HttpRequest, endpoint: WebhookEndpoint, *, secret: str = ""
) -> HttpResponse:
    states = [str(each) for each in WebhookDelivery.State]
    state = request.GET.get("state", "")
    context: dict[str, Any] = {
        "endpoint": endpoint,
        "secret": secret,
        "owed": courier.owed().get(endpoint.pk, {}),
        "states": states,
        "state": state if state in states else "",
        "pause_form": PauseForm(),
    }
    context["deliveries"] = courier.deliveries(
        endpoint.name, state=context["state"], limit=SHOWN
    )
    return page(
        request, "admin/eventstore/webhook.html", title=endpoint.name, **context
    )


def _back(name: str) -> HttpResponse:
    return SeeOther(reverse("admin:webhook", args=[name]))
