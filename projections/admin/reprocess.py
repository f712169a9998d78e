"""Derive one user's row anew: look first, then do exactly what was shown."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from eventstore import labels, pauses
from eventstore.admin import sight
from eventstore.admin.pages import SeeOther, page, refused
from eventstore.errors import UnreadableEventError
from projections import reprocess
from projections.admin import masks
from projections.admin.commands import CONFLICT, REFUSED, explain
from projections.admin.forms import ReprocessForm
from projections.admin.user import unknown
from projections.directory import DIRECTORY
from projections.findings import NotDerivableError
from projections.history import HISTORY
from projections.reprocess import Single, StalePreviewError
from users import values
from users.aggregate import USER
from users.errors import InvalidValueError


@require_http_methods(["GET", "HEAD", "POST"])
def reprocess_user(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Show what reprocessing would change; on POST do it, if it is still the same."""
    if request.method != "POST":
        return _preview_page(request, user_id, ReprocessForm())
    form = ReprocessForm(request.POST)
    reason = reason_of(form)
    if reason is None:
        return _preview_page(request, user_id, form, status=REFUSED)
    try:
        done = reprocess.run(
            user_id,
            token=form.cleaned_data["token"],
            reason=reason,
        )
    except StalePreviewError:
        return _preview_page(request, user_id, form, status=CONFLICT, is_stale=True)
    except (NotDerivableError, UnreadableEventError) as error:
        return refused(request, labels.refusal(error))
    fields = ", ".join(difference.field for difference in done.differences)
    text = _("Reprocessed. Repaired: {fields}.").format(fields=fields)
    messages.success(request, text)
    place = reverse("admin:user", args=[user_id])
    return SeeOther(f"{place}?tab=state")


def reason_of(form: ReprocessForm) -> str | None:
    """Return why, or None when it cannot be recorded, which the form then says."""
    if not form.is_valid():
        return None
    try:
        return values.reason(form.cleaned_data["reason"])
    except InvalidValueError as error:
        explain(form, error)
        return None


def _preview_page(
    request: HttpRequest,
    user_id: UUID,
    form: ReprocessForm,
    *,
    status: int = 200,
    is_stale: bool = False,
) -> HttpResponse:
    try:
        preview: Single = reprocess.preview(user_id)
    except (NotDerivableError, UnreadableEventError) as error:
        return refused(request, labels.refusal(error))
    if not preview.events and not preview.differences:
        return unknown(request, user_id)
    stream = USER.stream(user_id)
    is_shown = sight.of(request).sees(stream)
    return page(
        request,
        "admin/users/reprocess.html",
        title=_("Reprocess one user"),
        status=status,
        user_id=user_id,
        stream=stream,
        preview=preview if is_shown else masks.preview(preview),
        paused=pauses.of([DIRECTORY.name, HISTORY.name]),
        form=form,
        is_stale=is_stale,
    )
