"""The list of users, now or as it was: a page at a time, never a count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from eventstore import liveness, pauses, sentences, zones
from eventstore.admin import sight
from eventstore.admin.filters import Chip, without
from eventstore.admin.instants import absolute
from eventstore.admin.pages import page
from eventstore.templatetags.backoffice import instant
from projections import holdings, pages, queries, scopes
from projections.admin import masks
from projections.admin.lookup import held, user_id
from projections.admin.periods import PastForm, PeriodForm
from projections.directory import DIRECTORY
from projections.filters import DirectoryFilter
from projections.history import HISTORY
from projections.pages import CursorError, Page
from users.aggregate import USER
from users.values import SETTABLE_STATUSES

PERSONAL_FILTERS = ("q", "email")


@require_safe
def users(request: HttpRequest) -> HttpResponse:
    """Show the users that the query string asks for; an id leads to its user."""
    past = PastForm(request.GET, auto_id="filter_%s")
    meant = user_id(request.GET.get("q", "").strip())
    if meant is not None:
        return redirect(f"{reverse('admin:user', args=[meant])}{_then(past)}")
    seen = sight.of(request)
    asked = request.GET if seen.sees_all else _without_persons(request.GET)
    periods = PeriodForm(asked, auto_id="filter_%s")
    moved = absolute(request, past, less=["cursor"]) or absolute(
        request, periods, less=["cursor"]
    )
    if moved is not None:
        return moved
    asked = periods.understood(asked)
    then = past.asked()
    wanted = DirectoryFilter(asked, queries.users(**then))
    # Reading the result validates; what could not be understood asks nothing.
    found = _page(wanted, request.GET.get("cursor"))
    fresh = liveness.vital(HISTORY if then else DIRECTORY)
    shown = [
        entry if seen.sees(USER.stream(entry.user_id)) else masks.row(entry)
        for entry in found.entries
    ]
    return page(
        request,
        "admin/users/users.html",
        title=_("Users"),
        wanted=wanted,
        periods=periods,
        past=past,
        then=_then(past),
        is_timed=any(request.GET.get(name) for name in periods.fields),
        chips=_chips(asked, wanted, periods),
        found=replace(found, entries=shown),
        had=_had(asked, found) if seen.sees_all and not then else [],
        sees_all=seen.sees_all,
        refusal="" if seen.sees_all else _refusal(request.GET),
        fresh=fresh,
        paused=pauses.of([fresh.name]) if fresh.behind and fresh.is_late else [],
        statuses=[status.value for status in SETTABLE_STATUSES],
        sources=sentences.SOURCES.items(),
    )


def _had(asked: QueryDict, found: Page[Any]) -> list[tuple[UUID, str]]:
    """Return who had the address that nobody was found by: ids, and when in words."""
    address = (asked.get("email") or asked.get("q") or "").strip()
    if found.entries or asked.get("cursor"):
        return []
    return [(each.user_id, held(each)) for each in holdings.over(address)]


def _then(past: PastForm) -> str:
    """Return the query string of a user at the instant that was asked for."""
    told = {name: instant(found) for name, found in past.asked().items()}
    return f"?{urlencode(told)}" if told else ""


def _without_persons(query: QueryDict) -> QueryDict:
    """Return *query* without what would tell who has which name or address."""
    rest = query.copy()
    for name in PERSONAL_FILTERS:
        rest.pop(name, None)
    return rest


def _refusal(query: QueryDict) -> str:
    is_asked = any(query.get(name) for name in PERSONAL_FILTERS)
    return str(sight.ONLY_BY_ID) if is_asked else ""


def _page(wanted: DirectoryFilter, cursor: str | None) -> Page[Any]:
    try:
        return pages.page(wanted.qs, cursor=cursor)
    except CursorError:  # an old link: begin again
        return pages.page(wanted.qs)


def _chips(
    asked: QueryDict, wanted: DirectoryFilter, periods: PeriodForm
) -> list[Chip]:
    return [
        Chip(
            label=scopes.label(name),
            value=_in_words(name, value, periods),
            without=without(asked, name, value),
        )
        for name in wanted.filters
        if name not in wanted.form.errors
        for value in filter(None, asked.getlist(name))
    ]


def _in_words(name: str, value: str, periods: PeriodForm) -> str:
    if name in periods.fields:
        return zones.spelled(periods.cleaned_data[name])
    return sentences.source(value) if name == "source" else sentences.word(value, name)
