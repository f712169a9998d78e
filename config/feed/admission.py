"""Who may listen to what: the same tokens, filters and problems as the rest of REST."""

from __future__ import annotations

import io
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import uuid_utils.compat as uuid
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from config.problems import api_not_found
from eventstore.searching import EventFilter
from projections.api import following, parameters
from projections.api.errors import ParameterError
from projections.api.stream import LAST_EVENT_ID, NAMES, EventStreamView, sees_persons
from users.api import tickets
from users.api.authentication import ApiTokenAuthentication
from users.api.tickets import TicketAuthentication

PATH = "/api/v1/events/stream"
MOST_DIGITS = 18  # of a position

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
    """The answer to an admitted client; never rendered."""

    def __init__(self, wish: Wish) -> None:
        super().__init__()
        self.wish = wish


class AdmissionView(EventStreamView):
    """The stream's view as the feed has it: it lets in instead of sending on."""

    authentication_classes = (TicketAuthentication, ApiTokenAuthentication)
    http_method_names = ("get",)

    def get(self, request: Request, *, refusal: APIException | None = None) -> Response:
        """Admit the client, or raise what stands in the way."""
        parameters.only(request, *NAMES, tickets.PARAMETER)
        if refusal:
            raise refusal
        return Admitted(
            Wish(
                matching=following.matching(request),
                after=_last_received(request),
                digest=tickets.digest(request),
                personal=sees_persons(request),
            )
        )


_view = AdmissionView.as_view()


def admit(
    scope: Scope, *, refusal: APIException | None = None
) -> Wish | HttpResponseBase:
    """Return what an admitted client wants, or the answer to one that is not.

    Args:
        scope: Of ASGI.
        refusal: Why there is no place for another listener of this client.
    """
    request = ASGIRequest(dict(scope), io.BytesIO())
    request.correlation_id = uuid.uuid7()  # type: ignore[attr-defined]
    if request.path != PATH:
        return api_not_found(request, Http404())
    answer = _view(request, refusal=refusal)
    if isinstance(answer, Admitted):
        return answer.wish
    if isinstance(answer, Response):
        answer.render()
    return answer


def _last_received(request: Request) -> int | None:
    told = request.headers.get(LAST_EVENT_ID, "")
    if not told:
        return following.position(request)
    if not (told.isascii() and told.isdigit() and len(told) <= MOST_DIGITS):
        raise ParameterError({LAST_EVENT_ID: "Send the last id received, a position."})
    following.refuse_the_future(int(told))
    return int(told)
