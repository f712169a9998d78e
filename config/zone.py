"""The page on which somebody says in which zone, and which language, they read."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config import sessions
from eventstore import zones
from eventstore.admin.pages import SeeOther, page

REFUSED = 422


class ReaderForm(zones.ZoneForm):
    """Which zone, and which language."""

    language = forms.ChoiceField(
        required=False,
        choices=lambda: [("", _("as the browser asks")), *settings.LANGUAGES],
        label=gettext_lazy("Language"),
        widget=forms.Select,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Ask how somebody reads, and go back to where they came from."""
    now = {
        "zone": timezone.get_current_timezone_name(),
        "language": request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""),
    }
    form = ReaderForm(request.POST or None, initial=now)
    if form.is_valid():
        response = SeeOther(sessions.place(request))
        zones.keep(response, form.cleaned_data["zone"])
        if "language" in request.POST:  # the question on every page asks for the zone
            _keep(response, form.cleaned_data["language"])
        return response
    return page(
        request,
        "admin/zone.html",
        title=_("Time zone and language"),
        status=REFUSED if form.errors else 200,
        form=form,
    )


def _keep(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
