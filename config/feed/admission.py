"""Who may listen to what: the same tokens, filters and problems as the rest of REST."""

from __future__ import annotations

import io
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, cast

from csp.middleware import CSPMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from config.middleware import CorrelationMiddleware, NoStoreMiddleware, QuotaMiddleware
from config.problems import api_not_found, problem_response
from eventstore.searching import EventFilter
from projections.api import following, parameters
from projections.api.errors import ParameterError
from projections.api.stream import LAST_EVENT_ID, NAMES, EventStreamView, sees_persons
from users.api import tickets
from users.api.authentication import ApiTokenAuthentication
from users.api.tickets import TicketAuthentication

PATH = "/api/v1/events/stream"
MOST_DIGITS = 18  # of a position
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx, do not collect
}

Scope = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an admitted client wants to hear.

    Attributes:
        matching: Which events.
        after: Position, exclusive; None begins with what comes next.
        digest: Of the client's token.
        personal: Whether it may see persons' data.
    """

    matching: EventFilter
    after: int | None
    digest: bytes
    personal: bool


class Admitted(Response):
    """The answer to an admitted client: its headers are sent, it is never rendered."""

    def __init__(self, wish: Wish, request: Request) -> None:
        super().__init__(headers=HEADERS)
        self.wish = wish
        self.request = request


class AdmissionView(EventStreamView):
    """The stream's view as the feed has it: it lets in instead of sending on."""

    authentication_classes = (TicketAuthentication, ApiTokenAuthentication)
    http_method_names = ("get",)

    def get(self, request: Request) -> Response:
        """Admit the client, or raise what stands in the way."""
        parameters.only(request, *NAMES, tickets.PARAMETER)
        wish = Wish(
            matching=following.matching(request),
            after=_last_received(request),
            digest=tickets.digest(request),
            personal=sees_persons(request),
        )
        return Admitted(wish, request)


_view = AdmissionView.as_view()


def admit(scope: Scope) -> HttpResponse:
    """Return the answer to a client: :class:`Admitted`, or why it is not.

    It has the headers that every answer of the web has.
    """
    request = ASGIRequest(dict(scope), io.BytesIO())
    answer = _conversation(request)
    for each in _common:
        answer = cast("HttpResponse", each.process_response(request, answer))
    return answer


def refused(admitted: Admitted, refusal: APIException) -> HttpResponse:
    """Return the answer to a client for which there is no place after all."""
    answer = problem_response(refusal, {"request": admitted.request})
    if answer is None:  # an APIException always has one
        raise refusal
    for each in ("accepted_renderer", "accepted_media_type", "renderer_context"):
        setattr(answer, each, getattr(admitted, each))
    answer.render()
    for name, value in admitted.items():
        answer.headers.setdefault(name, value)
    return answer


def _answer(request: HttpRequest) -> HttpResponse:
    if request.path != PATH:
        return api_not_found(request, Http404())
    answer: HttpResponse = _view(request)
    if isinstance(answer, Response) and not isinstance(answer, Admitted):
        answer.render()
    return answer


# As in settings.MIDDLEWARE, less what is about sessions, pages and redirects.
_conversation = NoStoreMiddleware(CorrelationMiddleware(QuotaMiddleware(_answer)))
_common = (
    SecurityMiddleware(_answer),
    XFrameOptionsMiddleware(_answer),
    CSPMiddleware(_answer),
)


def _last_received(request: Request) -> int | None:
    told = request.headers.get(LAST_EVENT_ID, "")
    if not told:
        return following.position(request)
    if not (told.isascii() and told.isdigit() and len(told) <= MOST_DIGITS):
        raise ParameterError({LAST_EVENT_ID: "Send the last id received, a position."})
    following.refuse_the_future(int(told))
    return int(told)
