"""Around each request: its ids, its limits, and who acts in whatever it appends."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import uuid_utils.compat as uuid
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from config import deadlines, failures
from config.problems import api_length_required
from eventstore import faults, tracing, zones
from eventstore.circumstances import acting
from eventstore.events import ADMIN
from users.limits import Usage

BACK_OFFICE = "/admin/"
CORRELATION = "X-Correlation-ID"
REQUEST = "X-Request-ID"
TRACE = re.compile(r"00-(?P<trace_id>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

GetResponse = Callable[[HttpRequest], HttpResponse]


class CorrelationMiddleware:
    """Gives each request the id of its conversation: the client's, or a new one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request* with its ids in the headers."""
        correlation_id = _given(request) or uuid.uuid7()
        request_id = uuid.uuid7()
        request.correlation_id = correlation_id  # type: ignore[attr-defined]
        extra = {"request_id": str(request_id), **_trace(request)}
        with acting(
            actor="anonymous", source="", correlation_id=correlation_id, extra=extra
        ):
            response = self._traced(request)
        response[CORRELATION] = str(correlation_id)
        response[REQUEST] = str(request_id)
        return response

    def _traced(self, request: HttpRequest) -> HttpResponse:
        about = {"http.request.method": str(request.method)}
        parent = request.headers.get("traceparent", "")
        with tracing.span(str(request.method), about, parent=parent) as tell:
            response = self.get_response(request)
            # The pattern and not the path: that one may be told anything.
            match = request.resolver_match
            tell(
                {
                    "http.route": match.route if match else "",
                    "http.response.status_code": response.status_code,
                }
            )
            return response


class NoStoreMiddleware:
    """Lets nobody on the way, and no browser, keep what the API says of persons."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request*; under /api/v1/ not to be stored."""
        response = self.get_response(request)
        if request.path_info.startswith("/api/v1/"):
            response["Cache-Control"] = "no-store"
        return response


class LanguageMiddleware:
    """Shows the back office in the language of whoever reads it.

    The browser was told one, or its Accept-Language is the guess.  Everything else,
    the REST API first, is in English whatever it is asked for.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request*; a page says in which language, and what that hangs on."""
        if not request.path_info.startswith(BACK_OFFICE):
            return self.get_response(request)
        language = translation.get_language_from_request(request)
        with translation.override(language):
            response = self.get_response(request)
        response["Content-Language"] = language
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class SlowMiddleware:
    """Answers with a page that says so where the database ended a statement."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request*; who only reads the back office waits for less."""
        is_read = request.method in {"GET", "HEAD"}
        if not (is_read and request.path_info.startswith(BACK_OFFICE)):
            return self.get_response(request)
        with deadlines.bound_reads():
            return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        """Return the page; None for every other error."""
        return failures.too_slow(request) if faults.is_too_slow(exception) else None


class LengthMiddleware:
    """Refuses a body in chunks: a WSGI server tells no length, so none is read."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request*, with 411 where its body would be lost."""
        is_api = request.path_info.startswith("/api/")
        if is_api and "Transfer-Encoding" in request.headers:
            return api_length_required(request)
        return self.get_response(request)


class QuotaMiddleware:
    """Tells the client how much it may still ask.

    The throttle leaves the usage on the request.

    Source: draft-ietf-httpapi-ratelimit-headers-11.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request* with its limit in the headers, where there is one."""
        response = self.get_response(request)
        usage: Usage | None = getattr(request, "usage", None)
        if usage is not None:
            limit = usage.limit
            response["RateLimit-Policy"] = (
                f'"{limit.name}";q={limit.most};w={limit.seconds}'
            )
            response["RateLimit"] = f'"{limit.name}";r={usage.left};t={usage.resets_in}'
        return response


class StaffMiddleware:
    """Says which member of staff acts, and in which zone they see times.

    Comes after Django's authentication.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request* in the name of whoever is logged in."""
        if not request.user.is_authenticated:
            return self.get_response(request)
        with acting(actor=f"staff:{request.user.get_username()}", source=ADMIN):
            if not request.path_info.startswith(BACK_OFFICE):
                return self.get_response(request)
            with timezone.override(zones.of(request)):
                return self.get_response(request)


def _given(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.headers.get(CORRELATION, ""))
    except ValueError:
        return None


def _trace(request: HttpRequest) -> dict[str, str]:
    # W3C Trace Context: the caller's trace goes on in what we record.
    found = TRACE.fullmatch(request.headers.get("traceparent", ""))
    return found.groupdict() if found else {}
