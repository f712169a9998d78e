"""The log page by page, or around an instant; nothing here can change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from eventstore import browser
from eventstore.admin import sight, strip, tail
from eventstore.admin.filters import (
    DEFAULT_WINDOW,
    PLACES,
    WINDOWS,
    AuditForm,
    EventFilterForm,
    FindStream,
    FindViews,
    Views,
)
from eventstore.admin.instants import absolute
from eventstore.admin.pages import number, page
from eventstore.admin.strip import CountHours

SIZES = (25, 50, 100, 200)  # events a page
DEFAULT_SIZE = 50


@require_safe
def events(
    request: HttpRequest,
    *,
    find_stream: FindStream,
    count_hours: CountHours,
    find_views: FindViews,
) -> HttpResponse:
    """Show the events that the query string asks for, newest first."""
    return _shown(request, find_stream, count_hours, EventFilterForm, find_views)


@require_safe
def audit(
    request: HttpRequest, *, find_stream: FindStream, count_hours: CountHours
) -> HttpResponse:
    """Show what operators did: the same page over the events that tell of it."""
    return _shown(request, find_stream, count_hours, AuditForm, None)


def _shown(
    request: HttpRequest,
    find_stream: FindStream,
    count_hours: CountHours,
    form_class: type[EventFilterForm],
    find_views: FindViews | None,
) -> HttpResponse:
    seen = sight.of(request)
    find = find_stream if seen.sees_all else _nobody_by_address(find_stream)
    form = form_class(request.GET, find_stream=find)
    if tail.is_asked(request):
        return tail.news(request, form.matching())
    asked = number(request, "limit")
    size = asked if asked in SIZES else DEFAULT_SIZE
    at = form.instant()
    moved = absolute(request, form, less=PLACES)
    if moved is not None:
        return moved  # a link that stays true
    views = find_views(request, form) if find_views else Views()
    if at is not None:
        return _around(request, form, at, size, views)
    matching = form.matching()
    found = browser.page(
        matching,
        before=number(request, "before"),
        after=number(request, "after"),
        limit=size,
        mark=views.mark,
    )
    is_all = not request.GET.keys() - {*PLACES, "limit", "expand"}
    is_end = not found.events and not found.is_cut
    found = replace(found, events=seen.events(found.events))
    return _page(
        request,
        form,
        size,
        title=str(form.title),
        found=found,
        views=views.links,
        stored=views.stored if is_all else 0,
        nearest=browser.nearest(matching, found.mark) if is_end else None,
        strip=strip.of(matching, count_hours, timezone.now()),
        is_newest=matching.until is None
        and not any(request.GET.get(place) for place in PLACES),
    )


def _nobody_by_address(find_stream: FindStream) -> FindStream:
    """Return *find_stream* for those who may not learn who has which address."""

    def find(typed: str) -> str | None:
        if "@" in typed:
            raise ValidationError(sight.ONLY_BY_ID)
        return find_stream(typed)

    return find


def _around(
    request: HttpRequest,
    form: EventFilterForm,
    at: datetime,
    size: int,
    views: Views,
) -> HttpResponse:
    asked = request.GET.get("window", "")
    name = asked if asked in WINDOWS else DEFAULT_WINDOW
    window, words = WINDOWS[name]
    seen = sight.of(request)
    found = browser.sides(form.matching(), at, window, limit=size, mark=views.mark)
    return _page(
        request,
        form,
        size,
        title=_("Events around an instant"),
        found=replace(
            found,
            later=seen.events(found.later),
            earlier=seen.events(found.earlier),
        ),
        views=views.links,
        at=at,
        window=name,
        window_words=words,
        windows=[(each, label) for each, (_length, label) in WINDOWS.items()],
    )


def _page(
    request: HttpRequest,
    form: EventFilterForm,
    size: int,
    *,
    title: str,
    **found: Any,
) -> HttpResponse:
    return page(
        request,
        "admin/eventstore/events.html",
        title=title,
        form=form,
        chips=list(form.chips()),
        size=size,
        sizes=SIZES,
        is_expanded=request.GET.get("expand") == "1",
        **found,
    )
