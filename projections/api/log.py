"""The log itself over HTTP: page by page, around an instant, by conversation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from eventstore import browser, conversations, streams
from eventstore.browser import EventPage
from projections.api import described, following, masking, parameters
from projections.api.errors import ParameterError
from projections.api.reflecting import NEXT_LINK, REFLECTED, LogView
from projections.api.serializers import (
    AroundSerializer,
    ConversationSerializer,
    EventSerializer,
    LogPageSerializer,
    StreamSerializer,
)
from projections.filters import MAX_POSITION
from users.api.schema import problems
from users.scopes import Scope

WINDOW_SECONDS = 60
MAX_WINDOW_SECONDS = 86_400


class EventsView(LogView):
    """The log, newest first."""

    scopes = {"GET": Scope.EVENTS_READ}

    @extend_schema(
        operation_id="list_events",
        summary="The log, newest first",
        description="In order of position; with `since` or `until` in order of"
        " `recorded_at`, then position. Only what is final. A page may hold fewer"
        " events than `limit`, or none, and still have a `next`: what several filters"
        " let through together is rare, and the search goes on from there. With `wait`"
        " instead: the events above `after`, oldest first, as soon as there are any;"
        " `next` goes on after them, and nothing is ever missed.",
        parameters=[
            described.LIMIT,
            described.BEFORE,
            described.AFTER,
            described.whole_number(
                following.WAIT,
                "Seconds to wait for the first event above `after`; 0 does not wait.",
                least=0,
                most=following.MAX_WAIT_SECONDS,
            ),
            *described.EVENT_FILTERS,
            REFLECTED,
            NEXT_LINK,
        ],
        responses={200: LogPageSerializer, **problems(400, 401, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return one page of the events that all filters let through."""
        parameters.only(request, "before", "after", "wait", "limit", *following.NAMES)
        if following.WAIT in request.query_params:
            return following.answer(request)
        before = parameters.optional_number(request, "before", most=MAX_POSITION)
        after = following.position(request)
        if before is not None and after is not None:
            raise ParameterError({"after": "Use either `before` or `after`."})
        limit = parameters.number(
            request, "limit", default=parameters.LIMIT, most=parameters.MAX_LIMIT
        )
        page = browser.page(
            following.matching(request), before=before, after=after, limit=limit
        )
        return _answer(request, page)


class EventsAroundView(LogView):
    """What was recorded around an instant."""

    scopes = {"GET": Scope.EVENTS_READ}

    @extend_schema(
        operation_id="list_events_around",
        summary="What was recorded around an instant",
        parameters=[
            described.instant("at", "Around this instant.", required=True),
            described.whole_number(
                "window",
                "Seconds to each side; 60 unless told.",
                least=1,
                most=MAX_WINDOW_SECONDS,
            ),
            described.LIMIT,
            REFLECTED,
        ],
        responses={200: AroundSerializer, **problems(400, 401)},
    )
    def get(self, request: Request) -> Response:
        """Return events in order of ``recorded_at``, nearest first when cut."""
        parameters.only(request, "at", "window", "limit")
        at = parameters.instant(request, "at")
        if at is None:
            raise ParameterError({"at": "Say around which instant."})
        seconds = parameters.number(
            request, "window", default=WINDOW_SECONDS, most=MAX_WINDOW_SECONDS
        )
        limit = parameters.number(
            request, "limit", default=parameters.LIMIT, most=parameters.MAX_LIMIT
        )
        try:
            found = browser.around(at, timedelta(seconds=seconds), limit=limit)
        except OverflowError:
            raise ParameterError({"at": "Use an instant of this world."}) from None
        told = AroundSerializer(found, context=masking.context(request))
        return Response(told.data)


class ConversationView(LogView):
    """A business conversation, as a tree."""

    scopes = {"GET": Scope.EVENTS_READ}

    @extend_schema(
        operation_id="get_conversation",
        summary="What one conversation led to, and why",
        parameters=[REFLECTED],
        responses={200: ConversationSerializer, **problems(401, 404)},
    )
    def get(self, request: Request, correlation_id: UUID) -> Response:
        """Return the events of a correlation id, each cause before its effects."""
        parameters.only(request)
        found = conversations.conversation(correlation_id)
        if not found.nodes:
            detail = "No event has this correlation id."
            raise NotFound(detail)
        told = ConversationSerializer(found, context=masking.context(request))
        return Response(told.data)


class StreamView(LogView):
    """One stream of any kind: where it begins and ends, and what is in it."""

    scopes = {"GET": Scope.EVENTS_READ}

    @extend_schema(
        operation_id="get_stream",
        summary="A stream: its first event, its head, its events",
        parameters=[
            described.LIMIT,
            described.BEFORE_VERSION,
            REFLECTED,
            NEXT_LINK,
        ],
        responses={200: StreamSerializer, **problems(400, 401, 404)},
    )
    def get(self, request: Request, name: str) -> Response:
        """Return a page of the stream, newest first."""
        parameters.only(request, "limit", "before")
        before = parameters.optional_number(
            request, "before", most=parameters.MAX_VERSION
        )
        limit = parameters.number(
            request, "limit", default=parameters.LIMIT, most=parameters.MAX_LIMIT
        )
        found = (
            None if "\x00" in name else streams.read(name, before=before, limit=limit)
        )
        if found is None:
            detail = "Nothing was ever recorded in a stream of this name."
            raise NotFound(detail)
        older = None if found.is_last else found.events[-1].version
        shown = {
            "stream": name,
            "version": found.head.version,
            "first": found.first,
            "head": found.head,
            "results": found.events,
            "next": older and parameters.link(request, before=older),
        }
        told = StreamSerializer(shown, context=masking.context(request))
        return Response(told.data, headers=parameters.next_header(told.data["next"]))


def _answer(request: Request, page: EventPage) -> Response:
    older = page.older and parameters.link(request, before=page.older)
    newer = page.newer and parameters.link(request, after=page.newer)
    links = {"next": older, "previous": newer}
    told = ", ".join(f'<{url}>; rel="{name}"' for name, url in links.items() if url)
    context = masking.context(request)
    shown = EventSerializer(page.events, many=True, context=context)
    body: dict[str, Any] = {"results": shown.data}
    return Response(body | links, headers={"Link": told} if told else {})
