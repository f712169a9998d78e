"""One business conversation, across streams: as a tree, a table, or by stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from eventstore import conversations, effects
from eventstore.admin import sight, steps
from eventstore.admin.pages import not_found, page

MAX_EVENTS = 500  # shown; the event browser has them all
MAX_LANES = 6  # streams beside each other

VIEWS = {
    "tree": gettext_lazy("Tree"),
    "table": gettext_lazy("Table"),
    "lanes": gettext_lazy("By stream"),
}


@require_safe
def conversation(request: HttpRequest, correlation_id: UUID) -> HttpResponse:
    """Show everything that was recorded in one conversation, and why."""
    whole = conversations.conversation(correlation_id, limit=MAX_EVENTS)
    found = steps.shown(whole, sight.of(request))
    if not found.nodes:
        message = _("No event has the correlation id {id}.")
        return not_found(request, message.format(id=correlation_id))
    events = sorted(
        (node.event for node in found.nodes), key=lambda each: each.position
    )
    times = [event.recorded_at for event in events]
    streams = list(dict.fromkeys(event.stream for event in events))
    views = _views(streams)
    asked = request.GET.get("view", "tree")
    return page(
        request,
        "admin/eventstore/conversation.html",
        title=_("Conversation"),
        correlation_id=correlation_id,
        first=events[0],
        took=max(times) - min(times),
        count=len(events),
        streams=streams,
        is_cut=found.is_cut,
        views=views,
        view=asked if asked in views else "tree",
        steps=steps.of_conversation(found.nodes, effects.of_events(events), min(times)),
    )


def _views(streams: Sequence[str]) -> dict[str, Any]:
    fits = 1 < len(streams) <= MAX_LANES
    return {name: words for name, words in VIEWS.items() if fits or name != "lanes"}
