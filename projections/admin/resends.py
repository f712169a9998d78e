"""Send one effect of a user once more: say what happens, ask why, then do it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from eventstore import labels, resends
from eventstore.admin.pages import SeeOther, not_found, page, refused
from eventstore.admin.subscriptions import REFUSED, ReasonForm
from eventstore.errors import (
    EffectOpenError,
    SubjectErasedError,
    UnknownEffectError,
    UnknownSubscriptionError,
)
from users.aggregate import USER


@require_http_methods(["GET", "HEAD", "POST"])
def resend(request: HttpRequest, user_id: UUID, number: int) -> HttpResponse:
    """Show what will be sent again; on POST have it sent."""
    stream = USER.stream(user_id)
    form = ReasonForm(request.POST or None)
    try:
        effect = resends.numbered(number, stream=stream)
        resends.refuse(effect)
        if form.is_valid():
            resends.resend(number, reason=form.cleaned_data["reason"])
            messages.success(request, _("Ordered. It is sent once more."))
            place = reverse("admin:user", args=[user_id])
            return SeeOther(f"{place}?tab=effects")
    except UnknownEffectError as error:
        return not_found(request, labels.refusal(error))
    except (EffectOpenError, SubjectErasedError, UnknownSubscriptionError) as error:
        return refused(request, labels.refusal(error))
    return page(
        request,
        "admin/users/resend.html",
        title=_("Send once more"),
        status=REFUSED if form.errors else 200,
        user_id=user_id,
        stream=stream,
        effect=effect,
        form=form,
    )
