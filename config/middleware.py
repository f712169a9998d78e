"""Correlation id in, correlation id out."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import uuid_utils.compat as uuid
from django.http import HttpRequest, HttpResponse

HEADER = "X-Correlation-ID"


class CorrelationMiddleware:
    """Gives each request the id of its conversation: the client's, or a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request* with its correlation id in the headers."""
        request.correlation_id = _given(request) or uuid.uuid7()  # type: ignore[attr-defined]
        response = self.get_response(request)
        response[HEADER] = str(request.correlation_id)  # type: ignore[attr-defined]
        return response


def _given(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.headers.get(HEADER, ""))
    except ValueError:
        return None
