"""Following the log over HTTP: which events, after which, and a wait with an end.

A waiting request holds a thread of the web, so few may wait at a time; the stream
(:mod:`projections.api.stream`) is for everybody else.
"""

from __future__ import annotations

import time

from rest_framework.request import Request
from rest_framework.response import Response

from eventstore import browser, store
from eventstore.browser import Stretch
from eventstore.searching import EventFilter
from projections.api import masking, parameters
from projections.api.errors import ParameterError, TooManyWaitingError
from projections.api.serializers import EventSerializer
from projections.api.waiting import LOOK_SECONDS, places
from projections.filters import MAX_POSITION

WAIT = "wait"
MAX_WAIT_SECONDS = 30

NAMES = ("stream", "type", "actor", "source", "correlation", "since", "until")


def matching(request: Request) -> EventFilter:
    """Return which events the query asks for.

    Raises:
        ParameterError: A filter makes no sense.
    """
    for name in NAMES:
        if name != "type":
            parameters.refuse_blank(request, name)
    return EventFilter(
        streams=_one(request, "stream"),
        types=parameters.texts(request, "type"),
        actors=_one(request, "actor"),
        sources=_one(request, "source"),
        correlation_id=parameters.identifier(request, "correlation"),
        since=parameters.instant(request, "since"),
        until=parameters.instant(request, "until"),
    )


def _one(request: Request, name: str) -> list[str]:
    return list(filter(None, [parameters.text(request, name)]))


def position(request: Request) -> int | None:
    """Return ``after``: the last position the client has; None when it has none.

    Raises:
        ParameterError: It is no position of this log.
    """
    after = parameters.optional_number(request, "after", most=MAX_POSITION, least=0)
    refuse_the_future(after)
    return after


def refuse_the_future(after: int | None) -> None:
    """Refuse a position that this log has not come to: it is another log's.

    Raises:
        ParameterError: No event is there, or above.
    """
    # A client knows its own event before everything below that is final.
    if after and after > store.watermark() and not browser.reaches(after):
        raise ParameterError({"after": "This log has not come to this position yet."})


def answer(request: Request) -> Response:
    """Answer with the events above ``after``, at the latest when ``wait`` is over.

    Raises:
        TooManyWaitingError: There is nothing yet, and nobody else may wait.
        ParameterError: A parameter makes no sense.
    """
    if "before" in request.query_params:
        raise ParameterError({"before": "Use `after` with `wait`."})
    after = position(request)
    if after is None:
        raise ParameterError({"after": "Say after which position; 0 for all."})
    seconds = parameters.number(
        request, WAIT, default=0, most=MAX_WAIT_SECONDS, least=0
    )
    limit = parameters.number(
        request, "limit", default=parameters.LIMIT, most=parameters.MAX_LIMIT
    )
    return _page(request, _await(matching(request), after, limit, seconds))


def _await(wanted: EventFilter, after: int, limit: int, seconds: int) -> Stretch:
    found = browser.following(wanted, after=after, limit=limit)
    if found.events or not seconds:
        return found
    if not places.acquire(blocking=False):
        raise TooManyWaitingError
    try:
        end = time.monotonic() + seconds
        while not found.events and (left := end - time.monotonic()) > 0:
            time.sleep(min(LOOK_SECONDS, left))
            if store.watermark() > found.reached:
                found = browser.following(wanted, after=found.reached, limit=limit)
        return found
    finally:
        places.release()


def _page(request: Request, found: Stretch) -> Response:
    url = parameters.link(request, after=found.reached)
    context = masking.context(request)
    shown = EventSerializer(found.events, many=True, context=context)
    body = {"results": shown.data, "next": url, "previous": None}
    return Response(body, headers=parameters.next_header(url))
