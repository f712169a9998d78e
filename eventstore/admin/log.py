"""The log page by page, and one event by itself; nothing here can change it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from eventstore import browser, codec, store
from eventstore.admin.filters import EventFilterForm, FindStream
from eventstore.admin.pages import not_found, number, page
from eventstore.events import RecordedEvent, UnknownEvent
from eventstore.sentences import sentence

SIZES = (25, 50, 100, 200)  # events a page
DEFAULT_SIZE = 50


@require_safe
def events(request: HttpRequest, *, find_stream: FindStream) -> HttpResponse:
    """Show the events that the query string asks for, newest first."""
    form = EventFilterForm(request.GET, find_stream=find_stream)
    asked = number(request, "limit")
    size = asked if asked in SIZES else DEFAULT_SIZE
    found = browser.page(
        form.matching(),
        before=number(request, "before"),
        after=number(request, "after"),
        limit=size,
    )
    return page(
        request,
        "admin/eventstore/events.html",
        title=_("Events"),
        form=form,
        chips=list(form.chips()),
        found=found,
        size=size,
        sizes=SIZES,
    )


@require_safe
def event(request: HttpRequest, position: int) -> HttpResponse:
    """Show everything known about the event at *position*."""
    found = browser.event_at(position)
    if found is None:
        message = _("There is no event at position {position}.")
        return not_found(request, message.format(position=position))
    nearby = store.read_stream(
        found.stream,
        from_version=found.version - 1,
        to_version=found.version + 1,
    )
    at_version = {each.version: each for each in nearby}
    return page(
        request,
        "admin/eventstore/event.html",
        title=sentence(found),
        event=found,
        newest=_newest(found),
        previous=at_version.get(found.version - 1),
        following=at_version.get(found.version + 1),
    )


def _newest(found: RecordedEvent) -> dict[str, Any]:
    """Return what an upcaster made of an older payload, or why it could not be read."""
    known = codec.type_named(found.type)
    if isinstance(found.payload, UnknownEvent):
        return {"problem": found.payload.problem}
    if known is None or known.schema_version == found.schema_version:
        return {}
    return {"schema_version": known.schema_version, "data": codec.fields(found)}
