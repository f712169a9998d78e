"""The live stream's address on the web: it says where the feed serves it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from projections.api import described, following, parameters
from projections.api.errors import FeedElsewhereError
from projections.filters import MAX_POSITION
from users.api import tickets
from users.api.bodies import OrjsonRenderer
from users.api.permissions import may
from users.api.schema import problems
from users.scopes import Scope

MEDIA_TYPE = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
NAMES = ("after", *following.NAMES)


class EventStreamRenderer(OrjsonRenderer):
    """Lets clients ask for an event stream; what this process answers is JSON."""

    media_type = MEDIA_TYPE
    format = "stream"


class EventStreamView(APIView):
    """The log as it grows."""

    scopes: ClassVar = {"GET": Scope.EVENTS_READ}
    renderer_classes = (EventStreamRenderer, OrjsonRenderer)

    @extend_schema(
        operation_id="stream_events",
        summary="The log as it grows, as Server-Sent Events",
        description="`id` is the position, `event` the type, `data` an element of"
        " `/api/v1/events`. It begins after `Last-Event-ID`, else after `after`, else"
        " with whatever comes next, and misses nothing from there on. The web answers"
        " 307 with a ticket for the process that serves it; follow at once.",
        parameters=[
            described.AFTER,
            described.whole_number(
                LAST_EVENT_ID,
                "The last position received.",
                least=0,
                most=MAX_POSITION,
                location=OpenApiParameter.HEADER,
            ),
            *described.EVENT_FILTERS,
        ],
        responses={
            (200, MEDIA_TYPE): OpenApiTypes.STR,
            307: OpenApiResponse(description="The stream is served at `Location`."),
            **problems(400, 401, 503),
        },
    )
    def get(self, request: Request) -> Response:
        """Send the client to the feed, with a ticket."""
        parameters.only(request, *NAMES)
        if not settings.FEED_URL:
            raise FeedElsewhereError
        query = request.query_params.copy()
        query[tickets.PARAMETER] = tickets.issue(request)
        place = f"{settings.FEED_URL.rstrip('/')}{request.path}?{query.urlencode()}"
        headers = {"Location": place, "Cache-Control": "no-store"}
        return Response(status=307, headers=headers)


def sees_persons(request: Request) -> bool:
    """Return whether the client may see persons' data."""
    return may(request, Scope.PERSONAL_READ)
