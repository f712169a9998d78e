"""The pages that say why there is no other: in the frame for whoever is logged in.

Each names the conversation's id.  None needs the database: where it does not answer,
the same words stand in a page without the frame.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy

from config import unsent

MAY_GRANT = "auth.change_user"
MOST_NAMES = 5  # of those who can grant

# Which filter makes a page of many rows cheap, by the name of its address.
OF_EVENTS = gettext_lazy("Give a stream or a user, a type, or a shorter time.")
ADVICE = {
    "events": OF_EVENTS,
    "audit": OF_EVENTS,
    "users": gettext_lazy("Give more letters of the name, or the whole e-mail or id."),
    "streams": gettext_lazy("Give a category."),
    "raw_records": gettext_lazy("Give a source, a state, or a shorter time."),
}
FIELDS = {
    "q": gettext_lazy("Name, e-mail or id"),
    "stream": gettext_lazy("Stream or user"),
    "type": gettext_lazy("Type"),
    "actor": gettext_lazy("Actor"),
    "source": gettext_lazy("Source"),
    "status": gettext_lazy("Status"),
    "category": gettext_lazy("Category"),
    "since": gettext_lazy("From"),
    "until": gettext_lazy("Before"),
    "created_since": gettext_lazy("Created from"),
    "created_until": gettext_lazy("Created before"),
    "updated_since": gettext_lazy("Updated from"),
    "updated_until": gettext_lazy("Updated before"),
}


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the page of an address that leads nowhere."""
    return _page(request, "404.html", 404)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the page for who lacks a right; staff read who can grant it."""
    try:
        grantors = _grantors() if _is_staff(request) else []
    except (DatabaseError, InterfaceError):
        grantors = []
    return _page(request, "403.html", 403, grantors=grantors)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the page of a form whose token is no longer good.

    What staff typed on a page of ours is kept, for the form to come back filled in;
    what another site posts never is (ADR-0055).
    """
    is_kept = _is_staff(request) and _is_ours(request)
    if is_kept:
        unsent.keep(request)
    form_at = _form_at(request) if is_kept else ""
    return _page(request, "403_csrf.html", 403, form_at=form_at)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the page of an error of ours; asks the database nothing."""
    return _bare(request, "500.html", 500)


def too_slow(request: HttpRequest) -> HttpResponse:
    """Return the page of a statement that the database ended, and say what to narrow.

    The filters stand in it as they were; what was posted is kept for its form.
    """
    found = request.resolver_match
    is_read = request.method in {"GET", "HEAD"}
    if not is_read and _is_staff(request):
        unsent.keep(request)
    asked = list(request.GET.lists()) if is_read else []
    return _page(
        request,
        "503.html",
        503,
        advice=ADVICE.get((found and found.url_name) or "", ""),
        form_at=_form_at(request),
        is_read=is_read,
        fields=[
            (FIELDS[name], name, each)
            for name, values in asked
            if name in FIELDS
            for each in values
        ],
        others=[
            (name, each)
            for name, values in asked
            if name not in FIELDS
            for each in values
        ],
    )


def _page(
    request: HttpRequest, template: str, status: int, **context: Any
) -> HttpResponse:
    try:
        around = admin.site.each_context(request) if _is_staff(request) else {}
        html = render_to_string(template, around | context, request)
    except (DatabaseError, InterfaceError):
        return _bare(request, template, status, **context)
    return HttpResponse(html, status=status)


def _bare(
    request: HttpRequest, template: str, status: int, **context: Any
) -> HttpResponse:
    # Nobody is asked who reads: the session lies in the database.
    known = {"request": request, "user": AnonymousUser()}
    return HttpResponse(render_to_string(template, known | context), status=status)


def _is_staff(request: HttpRequest) -> bool:
    person = getattr(request, "user", None)
    return bool(person is not None and person.is_active and person.is_staff)


def _is_ours(request: HttpRequest) -> bool:
    # A browser says so of every form, and no other site can make it say otherwise.
    return request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"


def _form_at(request: HttpRequest) -> str:
    """Return where the form was: the page it was sent from, or else the address."""
    sent_from = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(sent_from, {request.get_host()}):
        return request.path
    return urlsplit(sent_from).path or request.path


def _grantors() -> list[str]:
    people = get_user_model().objects.with_perm(
        MAY_GRANT, backend="django.contrib.auth.backends.ModelBackend"
    )
    names = people.filter(is_staff=True).order_by("username")
    return list(names.values_list("username", flat=True)[:MOST_NAMES])
