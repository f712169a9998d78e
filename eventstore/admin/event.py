"""One event by itself: what it says, why it is there, what it led to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from eventstore import (
    browser,
    codec,
    conversations,
    effects,
    integrity,
    subscriptions,
)
from eventstore.admin import sight, steps
from eventstore.admin.pages import not_found, page
from eventstore.conversations import Conversation
from eventstore.events import RecordedEvent, UnknownEvent
from eventstore.integrity import Examined
from eventstore.masking import MASKED
from eventstore.reading import COLUMNS
from eventstore.sentences import sentence

OLD, NEW = "old_", "new_"  # how payloads name a value before and after


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One line of what an event says: a value, or one before and one after."""

    field: str
    old: Any
    new: Any


@require_safe
def event(request: HttpRequest, position: int) -> HttpResponse:
    """Show everything known about the event at *position*; ``?raw=1`` as JSON."""
    examined = integrity.examine(position)
    if examined is None:
        message = _("There is no event at position {position}.")
        return not_found(request, message.format(position=position))
    seen = sight.of(request)
    found = seen.event(examined.event)
    if request.GET.get("raw") == "1":
        return JsonResponse(_raw(examined, found), json_dumps_params={"indent": 2})
    previous, following, mark = browser.neighbours(found)
    told = conversations.conversation(
        found.correlation_id, mark=mark, keys=examined.keys
    )
    conversation = steps.shown(told, seen)
    return page(
        request,
        "admin/eventstore/event.html",
        title=sentence(found),
        event=found,
        difference=examined.difference,
        said=list(_said(codec.fields(found))),
        newest=_newest(found),
        previous=previous,
        following=following,
        cause=_cause(found, conversation),
        caused=steps.below(position, conversation.nodes),
        is_cut=conversation.is_cut,
        handling=subscriptions.handling(found),
        effects=effects.of_events([found]),
    )


def _raw(examined: Examined, found: RecordedEvent) -> dict[str, Any]:
    """Return the columns; of an event that is masked, what is shown and not stored."""
    columns = {name: getattr(found, name) for name in COLUMNS}
    is_plain = found is examined.event
    return {**columns, "data": examined.stored if is_plain else found.data}


def _said(fields: Mapping[str, Any]) -> Iterator[Said]:
    for name, value in fields.items():
        if name.startswith(OLD) and name.replace(OLD, NEW, 1) in fields:
            continue
        bare = name.removeprefix(NEW)
        yield Said(field=bare, old=fields.get(OLD + bare), new=value)


def _newest(found: RecordedEvent) -> dict[str, Any]:
    """Return what an upcaster made of an older payload, or why it could not be read."""
    known = codec.type_named(found.type)
    if isinstance(found.payload, UnknownEvent):
        is_ours = found.payload.problem == MASKED
        return {} if is_ours else {"problem": found.payload.problem}
    if known is None or known.schema_version == found.schema_version:
        return {}
    return {"schema_version": known.schema_version, "data": codec.fields(found)}


def _cause(found: RecordedEvent, conversation: Conversation) -> RecordedEvent | None:
    """Return the event that caused this one, if an event did."""
    for node in conversation.nodes:
        if node.event.event_id == found.causation_id:
            return node.event
    return None
