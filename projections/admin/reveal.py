"""See one person's data for a quarter of an hour, with a reason that is recorded."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import uuid_utils.compat as uuid
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from eventstore import labels, store
from eventstore.admin import sight
from eventstore.admin.pages import SeeOther, page
from eventstore.events import NO_STREAM
from eventstore.operator_events import PersonalDataViewed
from projections import queries
from projections.admin.commands import REFUSED
from projections.admin.user import unknown
from users import values
from users.aggregate import USER
from users.errors import InvalidValueError
from users.values import REASON_LENGTH, Status

LENGTH = timedelta(minutes=15)


class RevealForm(forms.Form):
    """Why somebody looks."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Recorded with your name, for ever."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "placeholder": gettext_lazy("for example: ticket OPS-412"),
            }
        ),
    )

    def clean_reason(self) -> str:
        """Return the reason; what cannot be read is none."""
        try:
            return values.reason(self.cleaned_data["reason"])
        except InvalidValueError as error:
            raise forms.ValidationError(labels.refusal(error)) from error


@require_http_methods(["GET", "HEAD", "POST"])
def reveal(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Ask why, record who looks at whom, then show that person for fifteen minutes.

    The event comes first: where it cannot be recorded, nothing is shown.  ``hide``
    masks the person again before that; the event says when it would have ended.
    """
    if "hide" in request.POST:
        sight.close(request, USER.stream(user_id))
        return SeeOther(reverse("admin:user", args=[user_id]))
    state = queries.user(user_id).state
    if state is None:
        return unknown(request, user_id)
    place = reverse("admin:user", args=[user_id])
    if state.status is Status.ERASED:
        messages.info(request, _("This person was erased; there is nothing to see."))
        return SeeOther(place)
    form = RevealForm(request.POST or None)
    if form.is_valid():
        _record(request, USER.stream(user_id), form.cleaned_data["reason"])
        return SeeOther(place)
    return page(
        request,
        "admin/users/reveal.html",
        title=_("Reveal personal data"),
        status=REFUSED if form.errors else 200,
        user_id=user_id,
        stream=USER.stream(user_id),
        minutes=LENGTH.seconds // 60,
        form=form,
    )


def _record(request: HttpRequest, stream: str, reason: str) -> None:
    until = timezone.now() + LENGTH
    viewed = PersonalDataViewed(subject=stream, until=until, reason=reason)
    store.append(f"reveal-{uuid.uuid7()}", [viewed], expected_version=NO_STREAM)
    sight.open_until(request, stream, until)
