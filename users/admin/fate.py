"""``/admin/cmd/<id>``: what became of a command, until every read model shows it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from eventstore import browser
from eventstore.admin import sight
from eventstore.admin.pages import not_found, page
from users import fates
from users.aggregate import user_id_of

REFRESH_SECONDS = 2


@require_safe
def command(request: HttpRequest, command_id: UUID) -> HttpResponse:
    """Show how far a command has come; the id of an event leads to that."""
    event = browser.event_with_id(command_id)
    if event is not None:
        return redirect("admin:event", event.position)
    fate = fates.of_command(command_id)
    if fate is None:
        return _unknown(request, command_id)
    seen = sight.of(request)
    is_waiting = fate.status == "recorded" and "still" not in request.GET
    answer = page(
        request,
        "admin/users/fate.html",
        title=fate.command or str(command_id),
        fate=fate,
        events=seen.events(fate.events),
        user_id=_whose(fate.stream),
        is_waiting=is_waiting,
        reload_seconds=REFRESH_SECONDS,
    )
    if is_waiting:
        answer["Refresh"] = str(REFRESH_SECONDS)  # works without scripts
    return answer


def _unknown(request: HttpRequest, command_id: UUID) -> HttpResponse:
    days: int = settings.REFUSED_COMMANDS_DAYS
    message = ngettext(
        "Unknown: no command has the id {id}. One that was refused or changed nothing"
        " is kept for {days} day.",
        "Unknown: no command has the id {id}. One that was refused or changed nothing"
        " is kept for {days} days.",
        days,
    )
    return not_found(request, message.format(id=command_id, days=days))


def _whose(stream: str) -> Any:
    try:
        return user_id_of(stream)
    except ValueError:
        return None
