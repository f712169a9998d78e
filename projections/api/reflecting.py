"""Every answer to a query says which position of the log it reflects.

All events at or below ``Annals-Position`` are in the answer; some above may be.  With
``Prefer: wait=…`` (RFC 7240) a read model is given time to come to where the log is.
"""

from __future__ import annotations

import re
import time
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.status import HTTP_200_OK, HTTP_304_NOT_MODIFIED
from rest_framework.views import APIView

from eventstore import checkpoints, store
from eventstore.checkpoints import NOWHERE
from projections.api.waiting import places

POSITION = "Annals-Position"
APPLIED = "Preference-Applied"
WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:[,;]|$)', re.IGNORECASE)
MAX_WAIT_SECONDS = 10
LOOK_SECONDS = 0.02  # between two looks at a checkpoint

REFLECTED = OpenApiParameter(
    POSITION,
    int,
    OpenApiParameter.HEADER,
    description="All events at or below this position are in the answer.",
    response=[200],
)
NEXT_LINK = OpenApiParameter(
    "Link",
    str,
    OpenApiParameter.HEADER,
    description='`rel="next"`: the next page, as in `next`.',
    response=[200],
)
ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    description="The user's version; send it as `If-Match` with a command.",
    response=[200],
)
WAITING = [
    REFLECTED,
    OpenApiParameter(
        "Prefer",
        str,
        OpenApiParameter.HEADER,
        description="`wait=2`: give the read model up to 2 seconds, at most 10, to come"
        " to where the log is when the request arrives; then it is answered with what"
        " there is.",
    ),
    OpenApiParameter(
        APPLIED,
        str,
        OpenApiParameter.HEADER,
        description="`wait=2`: it was given up to 2 seconds. Not there when too many"
        " requests wait already.",
        response=[200],
    ),
]


class LogView(APIView):
    """A query of the log: it reflects everything that is final."""

    _headers: dict[str, str]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Note, before anything is read, which position the answer will reflect."""
        super().initial(request, *args, **kwargs)
        if request.method in SAFE_METHODS:
            applied = self.wait(request)
            self._headers = {POSITION: str(self.reached(request)), **applied}

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Tell the position with the answer, if it is one."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code in (HTTP_200_OK, HTTP_304_NOT_MODIFIED):
            for name, value in getattr(self, "_headers", {}).items():
                answer[name] = value
        return answer

    def reached(self, request: Request) -> int:  # noqa: ARG002 - others need it
        """Return the position up to which everything is in the answer."""
        return store.watermark()

    def wait(self, request: Request) -> dict[str, str]:  # noqa: ARG002
        """Return what was done about the client's preferences; the log never waits."""
        return {}


class ReadModelView(LogView):
    """A query of a read model: it reflects what its projection has come to."""

    def projection(self, request: Request) -> str:
        """Return the name of the projection that answers."""
        raise NotImplementedError

    def reached(self, request: Request) -> int:
        """Return the position up to which everything is in the answer."""
        return checkpoints.complete(self.projection(request))

    def come_to(self, request: Request) -> int:
        """Return what those who wait for the projection look at.

        Streams set aside may stay so for days: nobody waits for them.
        """
        return checkpoints.reached().get(self.projection(request), NOWHERE).position

    def wait(self, request: Request) -> dict[str, str]:
        """Wait for the projection, if the client prefers to and there is a place."""
        found = WAIT.search(request.headers.get("Prefer", ""))
        if found is None or not places.acquire(blocking=False):
            return {}
        try:
            seconds = min(int(found[1]), MAX_WAIT_SECONDS)
            mark, end = store.watermark(), time.monotonic() + seconds
            while self.come_to(request) < mark and time.monotonic() < end:
                time.sleep(LOOK_SECONDS)
        finally:
            places.release()
        return {APPLIED: f"wait={seconds}"}
