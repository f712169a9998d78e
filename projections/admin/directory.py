"""The list of users: a page of the directory at a time, never a count."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from eventstore import sentences, subscriptions
from eventstore.admin.filters import Chip, without
from eventstore.admin.pages import page
from projections import pages
from projections.admin.lookup import user_id
from projections.directory import DIRECTORY
from projections.filters import DirectoryFilter
from projections.models import DirectoryEntry
from projections.pages import CursorError, Page
from users.values import SETTABLE_STATUSES


@require_safe
def users(request: HttpRequest) -> HttpResponse:
    """Show the users that the query string asks for; an id leads to its user."""
    meant = user_id(request.GET.get("q", "").strip())
    if meant is not None:
        return redirect("admin:user", meant)
    wanted = DirectoryFilter(request.GET, DirectoryEntry.objects.all())
    # Reading the result validates; what could not be understood asks nothing.
    found = _page(wanted, request.GET.get("cursor"))
    return page(
        request,
        "admin/users/users.html",
        title=_("Users"),
        wanted=wanted,
        chips=_chips(request, wanted),
        found=found,
        progress=subscriptions.progress(DIRECTORY),
        statuses=[status.value for status in SETTABLE_STATUSES],
        sources=sentences.SOURCES.items(),
    )


def _page(wanted: DirectoryFilter, cursor: str | None) -> Page[DirectoryEntry]:
    try:
        return pages.page(wanted.qs, cursor=cursor)
    except CursorError:  # an old link: begin again
        return pages.page(wanted.qs)


def _chips(request: HttpRequest, wanted: DirectoryFilter) -> list[Chip]:
    return [
        Chip(
            label=_("search") if name == "q" else name.replace("_", " "),
            value=value,
            without=without(request.GET, name, value),
        )
        for name in wanted.filters
        if name not in wanted.form.errors
        for value in filter(None, request.GET.getlist(name))
    ]
