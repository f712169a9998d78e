"""The page on which somebody says in which zone they see times."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config import sessions
from eventstore import zones
from eventstore.admin.pages import SeeOther, page

REFUSED = 422


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Ask in which zone to show times, and go back to where one came from."""
    now = timezone.get_current_timezone_name()
    form = zones.ZoneForm(request.POST or None, initial={"zone": now})
    if form.is_valid():
        response = SeeOther(sessions.place(request))
        zones.keep(response, form.cleaned_data["zone"])
        return response
    return page(
        request,
        "admin/zone.html",
        title=_("Time zone"),
        status=REFUSED if form.errors else 200,
        form=form,
    )
