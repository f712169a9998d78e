"""One user: history and time travel, state, effects; a tab is a link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from eventstore import checkpoints, dead_letters, effects, pauses
from eventstore.admin import sight
from eventstore.admin.instants import absolute
from eventstore.admin.pages import not_found, number, page
from eventstore.events import RecordedEvent
from eventstore.masking import MASK, masked_event
from eventstore.templatetags.backoffice import instant
from projections import drift, queries
from projections.admin import masks, salesforce, telling
from projections.admin.comparison import compare
from projections.admin.explaining import explain
from projections.admin.moments import Moment, MomentForm, look, until
from projections.directory import DIRECTORY
from projections.queries import Chapter
from users.aggregate import USER
from users.events import UserErased

SHOWN = 50  # chapters a page
TICKS = 100  # beyond, the slider has no mark for each version
SEE_RUNS = "users.view_salesforcerun"
RESEND = "eventstore.change_effect"
MOMENT = ("at", "as_of", "v")  # how an address says which
LATER = 5  # chapters shown above the one that a moment is about

Chapters = Sequence[Chapter]


@require_safe
def user(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Show one user, as the log has it; the read model is only compared with it."""
    stream = USER.stream(user_id)
    reached = _reached(stream)  # in this order, nothing that moves meanwhile alarms
    row = queries.entry(user_id)
    chapters = queries.history(user_id)
    if not chapters and row is None:
        return unknown(request, user_id)
    moved = _moved(request, user_id, MomentForm(request.GET, head=len(chapters)))
    if moved is not None:
        return moved
    tabs = _tabs(request)
    tab = request.GET.get("tab", "history")
    label, details = tabs.get(tab, TABS["history"])
    seen = sight.of(request)
    is_masked = not seen.sees(stream)
    compared = compare(row, [each.event for each in chapters], reached=reached)
    told = masks.chapters(chapters) if is_masked else chapters
    state = told[-1].after if told else None
    known = state or (masks.row(row) if row and is_masked else row)
    return page(
        request,
        "admin/users/user.html",
        title=known.name if known and known.name != MASK else stream,
        subtitle=label,
        user_id=user_id,
        stream=stream,
        known=known,
        is_masked=is_masked,
        may_reveal=is_masked and seen.may_reveal,
        revealed_until=sight.ends_at(request, stream) if not seen.sees_all else None,
        erased=_erasure(chapters),
        held=dead_letters.of_stream(stream, head=len(chapters)),
        version=len(chapters),
        comparison=masks.comparison(compared) if is_masked else compared,
        paused=pauses.of([DIRECTORY.name]) if compared.is_behind else [],
        tabs=[(name, words, name == tab) for name, (words, _details) in tabs.items()],
        tab=tab if tab in tabs else "history",
        no_tab="" if tab in tabs else tab,
        asked=_asked(request),
        **_hidden(details(request, user_id, chapters), is_masked=is_masked),
    )


def _moved(
    request: HttpRequest, user_id: UUID, form: MomentForm
) -> HttpResponse | None:
    """Return the way to the moment that was typed, by its instant in UTC."""
    typed = form.typed()
    if typed is None:
        return absolute(request, form)
    place = reverse("admin:user", args=[user_id])
    return redirect(f"{place}?at={instant(typed)}")


def _asked(request: HttpRequest) -> str:
    """Return the moment that was asked for, as tabs carry it on."""
    told = {name: request.GET[name] for name in MOMENT if name in request.GET}
    return f"&{urlencode(told)}" if told else ""


def _tabs(request: HttpRequest) -> Mapping[str, tuple[Any, Details]]:
    if request.user.has_perm(SEE_RUNS):
        return TABS
    return {name: told for name, told in TABS.items() if name != "salesforce"}


def _hidden(details: dict[str, Any], *, is_masked: bool) -> dict[str, Any]:
    """Return what a tab shows, without the person where they are masked."""
    if not is_masked:
        return details
    hidden = {
        "chapters": masks.chapters,
        "explanation": masks.explanation,
        "moment": masks.moment,
        "runs": masks.runs,
        "set_by": _masked_events,
    }
    return {
        name: hidden[name](value) if name in hidden else value  # type: ignore[operator]
        for name, value in details.items()
    }


def _masked_events(events: Mapping[str, RecordedEvent]) -> dict[str, RecordedEvent]:
    return {name: masked_event(event) for name, event in events.items()}


def _erasure(chapters: Chapters) -> RecordedEvent | None:
    """Return the event that erased the user, if one did; it is the last one."""
    last = chapters[-1].event if chapters else None
    return last if last and isinstance(last.payload, UserErased) else None


def _reached(stream: str) -> int:
    return checkpoints.reached_with(stream, [DIRECTORY.name])[DIRECTORY.name]


def unknown(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Say that neither the log nor the directory knows *user_id*."""
    message = _("There is no user {user_id}.").format(user_id=user_id)
    return not_found(request, message)


def _history(request: HttpRequest, user_id: UUID, chapters: Chapters) -> dict[str, Any]:
    del user_id
    form = MomentForm(request.GET, head=len(chapters))
    form.typed()  # says what is wrong with date and time
    moment = look(chapters, form)
    wanted = telling.asked(request, chapters)
    told = wanted.of(chapters)
    end = _end(told, number(request, "before"), moment)
    first = max(end - SHOWN, 0)
    page = told[first:end][::-1]
    older = {"before": str(told[first].event.version)} if first else {}
    return {
        "form": form,
        "moment": moment,
        "chapters": page,
        "runs": telling.runs(page, shown=0 if moment.is_now else moment.shown),
        "choices": telling.choices(request, wanted, chapters),
        "is_filtered": wanted.field or wanted.source,
        "older": telling.query(request, wanted, **older) if older else None,
        "newest": telling.query(request, wanted),
        "is_newest": end == len(told),
        "ticks": chapters if len(chapters) <= TICKS else [],
    }


def _end(told: Chapters, before: int | None, moment: Moment) -> int:
    """Return how many of *told* there are up to the newest that is shown."""
    head = len(told)
    if before is not None:
        return max(sum(1 for each in told if each.event.version < before), min(head, 1))
    if moment.is_now or head <= SHOWN:
        return head
    seen = sum(1 for each in told if each.event.version <= moment.shown)
    return min(max(seen, 1) + LATER, head)  # the moment's event near the top


def _state(request: HttpRequest, user_id: UUID, chapters: Chapters) -> dict[str, Any]:
    del request
    return {"set_by": queries.set_by(chapters), "drifted": drift.of_user(user_id)}


def _explain(request: HttpRequest, user_id: UUID, chapters: Chapters) -> dict[str, Any]:
    del user_id
    form = MomentForm(request.GET, head=len(chapters))
    told = until(chapters, form)
    return {
        "form": form,
        "moment": look(chapters, form),
        "explanation": explain(told),
    }


def _effects(request: HttpRequest, user_id: UUID, chapters: Chapters) -> dict[str, Any]:
    found = effects.of_stream(USER.stream(user_id))
    may = request.user.has_perm(RESEND) and not _erasure(chapters)
    return {"effects": found, "resendable": effects.resendable(found) if may else set()}


Details = Callable[[HttpRequest, UUID, Chapters], dict[str, Any]]

TABS: Mapping[str, tuple[Any, Details]] = {
    "history": (gettext_lazy("History"), _history),
    "state": (gettext_lazy("State"), _state),
    "explain": (gettext_lazy("Explain"), _explain),
    "effects": (gettext_lazy("Effects"), _effects),
    "salesforce": (gettext_lazy("Salesforce"), salesforce.details),
}
