"""Go to what somebody typed: a position, an id, a stream, a person, a time.

Posted, so that nobody's e-mail address ever stands in an address of ours (ADR-0028).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from eventstore import browser, conversations, labels, streams, zones
from eventstore.admin import sight, times
from eventstore.admin.pages import SeeOther, page
from eventstore.events import RecordedEvent
from eventstore.sentences import sentence
from eventstore.templatetags.backoffice import instant
from eventstore.zones import NotOnceError
from projections import holdings
from projections.admin.lookup import held, stream_of, user_id
from users import fates
from users.aggregate import USER, user_id_of

SEE_EVENTS = "eventstore.view_storedevent"
SEE_USERS = "projections.view_directoryentry"

MAX_LENGTH = 300  # characters
POSITION = re.compile(r"#?(\d{1,3}(?:[,.]\d{3})+|\d{1,18})")
ANY = 2**63 - 1  # no position is beyond it
STREAM = re.compile(r"[a-z][a-z0-9_]*-\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One page that may be meant.

    Attributes:
        is_past: Whether it went by what was typed once; then it is shown, not gone to.
    """

    kind: str
    text: str
    url: str
    is_past: bool = False


@require_http_methods(["GET", "HEAD", "POST"])
def go_to(request: HttpRequest) -> HttpResponse:
    """Go to the one page that is meant; ask when several may be, or none is."""
    typed = request.POST.get("q", "").replace("\x00", "").strip()[:MAX_LENGTH]
    if _is_of_a_person(typed) and not sight.of(request).sees_all:
        return _page(request, typed, status=403, refusal=sight.ONLY_BY_ID)
    try:
        places = list(_places(request, typed)) if typed else []
    except NotOnceError as error:
        meant = [_time(each) for each in error.choices]
        told = labels.refusal(error)
        return _page(request, typed, status=200, places=meant, refusal=told)
    if len(places) == 1 and not places[0].is_past:
        return SeeOther(places[0].url)
    if places or not typed:
        return _page(request, typed, status=200, places=places)
    if _is_no_time(request, typed):
        return _page(request, typed, status=404, refusal=times.refusal(typed))
    return _listed(request, typed)


def _listed(request: HttpRequest, typed: str) -> HttpResponse:
    """Look for words in the list of users; what are none goes by nothing here."""
    if not _are_words(request, typed):
        return _page(request, typed, status=404)
    if not sight.of(request).sees_all:
        return _page(request, typed, status=403, refusal=sight.ONLY_BY_ID)
    return SeeOther(f"{reverse('admin:users')}?{urlencode({'q': typed})}")


def _page(
    request: HttpRequest, typed: str, *, status: int, **context: object
) -> HttpResponse:
    return page(
        request,
        "admin/goto.html",
        title=_("Go to"),
        status=status,
        typed=typed,
        sees_all=sight.of(request).sees_all,
        **context,
    )


def _is_of_a_person(typed: str) -> bool:
    return "@" in typed


def _places(request: HttpRequest, typed: str) -> Iterator[Place]:
    """Yield the pages that *typed* may mean.  At most five queries."""
    sees_events = request.user.has_perm(SEE_EVENTS)
    identity = user_id(typed)
    if sees_events:
        yield from _moments(request, typed)
    if identity is not None:
        if sees_events:
            yield from _identified(request, identity)
        yield from _of_stream(request, USER.stream(identity))
    elif "@" in typed:
        yield from _of_address(request, typed)
    elif STREAM.fullmatch(typed):
        yield from _of_stream(request, typed, is_named=True)


def _is_no_time(request: HttpRequest, typed: str) -> bool:
    """Return whether a time was meant, as it seems, and could not be understood."""
    is_something_else = "@" in typed or STREAM.fullmatch(typed)
    sees_events = request.user.has_perm(SEE_EVENTS)
    return sees_events and not is_something_else and times.is_meant(typed)


def _moments(request: HttpRequest, typed: str) -> Iterator[Place]:
    if number := POSITION.fullmatch(typed):
        position = int(re.sub("[,.]", "", number[1]))
        found = browser.event_at(position)
        if found is not None:
            yield _event(request, found)
    elif at := times.understood(typed, timezone.now()):
        yield _time(at)


def _time(at: datetime) -> Place:
    query = urlencode({"around": instant(at)})
    url = f"{reverse('admin:events')}?{query}"
    return Place(kind=_("Time"), text=zones.spelled(at), url=url)


def _identified(request: HttpRequest, identity: UUID) -> Iterator[Place]:
    found = browser.event_with_id(identity)
    if found is not None:
        yield _event(request, found)
        return
    # Any event will do, so nobody need ask up to where the log is whole.
    if conversations.conversation(identity, limit=1, mark=ANY).nodes:
        url = reverse("admin:conversation", args=[identity])
        yield Place(kind=_("Conversation"), text=str(identity), url=url)
    if fates.is_known(identity):
        url = reverse("admin:command", args=[identity])
        yield Place(kind=_("Command"), text=str(identity), url=url)


def _event(request: HttpRequest, found: RecordedEvent) -> Place:
    text = sentence(sight.of(request).event(found))
    url = reverse("admin:event", args=[found.position])
    return Place(kind=_("Event"), text=text, url=url)


def _of_stream(
    request: HttpRequest, stream: str | None, *, is_named: bool = False
) -> Iterator[Place]:
    """Yield whose stream it is, or the stream itself when that was named."""
    if stream is None or not streams.has_events(stream):
        return
    sees_events = request.user.has_perm(SEE_EVENTS)
    whose = _whose(stream)
    is_person = whose is not None and request.user.has_perm(SEE_USERS)
    if is_person and not (is_named and sees_events):
        url = reverse("admin:user", args=[whose])
        yield Place(kind=_("User"), text=str(whose), url=url)
    elif sees_events:
        url = reverse("admin:stream", args=[stream])
        yield Place(kind=_("Stream"), text=stream, url=url)


def _of_address(request: HttpRequest, typed: str) -> Iterator[Place]:
    """Yield whose the address is, then whose it was."""
    yield from _of_stream(request, stream_of(typed))
    sees_users = request.user.has_perm(SEE_USERS)
    if not sees_users and not request.user.has_perm(SEE_EVENTS):
        return
    for each in holdings.over(typed):
        url = (
            reverse("admin:user", args=[each.user_id])
            if sees_users
            else reverse("admin:stream", args=[USER.stream(each.user_id)])
        )
        yield Place(kind=_("User, earlier"), text=held(each), url=url, is_past=True)


def _whose(stream: str) -> UUID | None:
    try:
        return user_id_of(stream)
    except ValueError:
        return None


def _are_words(request: HttpRequest, typed: str) -> bool:
    """Return whether *typed* may be part of a name, for which there is the list."""
    is_something_else = (
        "@" in typed
        or user_id(typed) is not None
        or POSITION.fullmatch(typed)
        or STREAM.fullmatch(typed)
    )
    return not is_something_else and request.user.has_perm(SEE_USERS)
