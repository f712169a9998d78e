"""Domain errors -> RFC 9457 problem+json: the only place that knows both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from eventstore import faults
from eventstore.errors import (
    ConcurrencyError,
    KeyRingError,
    UnreadableEventError,
    UnsealedError,
)
from projections.api.errors import BehindError, ParameterError
from projections.pages import CursorError
from users.api.conditions import StaleError, etag
from users.errors import (
    CompanionRefusedError,
    EmailTakenError,
    InvalidValueError,
    KeyReusedError,
    OwnedElsewhereError,
    RequestInProgressError,
    SecondPersonError,
    StatusTransitionError,
    UserErasedError,
    UserError,
    UserExistsError,
    UserNotFoundError,
)
from users.sources.salesforce.errors import (
    NoIdsError,
    NotEnabledError,
    NoWatermarkError,
    RecordIdError,
    RunActiveError,
    RunStateError,
    SalesforceError,
    SinceError,
    UnknownRunError,
)

NIL = UUID(int=0)  # of a request that was refused before it got an id
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "1"
UNSOUND = "Look at the Host header and at how many parameters the address has."
FRAGMENT = "!$&'()*+,;=:@?"  # what may stand in a pointer as it is (RFC 3986)

Problem = tuple[int, str, dict[str, Any]]


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer *error* as a problem; None lets Django answer 500 and log the trace."""
    found = _translated(error)
    if found is None:
        return None
    status, title, facts = found
    headers = dict(facts.pop("headers", {}))
    set_rollback()
    request = context["request"]
    body = _body(status, title, facts, request)
    return ProblemResponse(body, status, headers=headers, content_type=MEDIA_TYPE)


class ProblemResponse(Response):
    """JSON whatever the view answers else: metrics are text, a schema may be YAML."""

    @property
    def rendered_content(self) -> str:
        """The problem."""
        self["Content-Type"] = MEDIA_TYPE
        return orjson.dumps(self.data, default=str).decode()


def api_bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 under /api to what was refused before any view saw it."""
    del exception
    return _plain(request, 400, "Bad request", UNSOUND)


def api_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 for an address under /api that is not one."""
    del exception
    return _plain(request, 404, "Not found", "There is nothing at this address.")


def api_length_required(request: HttpRequest) -> HttpResponse:
    """Answer 411 to a body of no told length, of which nothing would be read."""
    detail = "Send the body with its Content-Length, not in chunks."
    return _plain(request, 411, "Length required", detail)


def api_server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 under /api: what to tell whoever runs this installation."""
    detail = "Something broke on our side; nothing was half recorded. Quote `instance`."
    return _plain(request, 500, "Server error", detail)


def _plain(request: HttpRequest, status: int, title: str, detail: str) -> HttpResponse:
    body = _body(status, title, {"detail": detail}, request)
    return HttpResponse(orjson.dumps(body), status=status, content_type=MEDIA_TYPE)


def _body(
    status: int, title: str, facts: dict[str, Any], request: Any
) -> dict[str, Any]:
    slug = title.lower().replace(" ", "-")
    return {
        "type": f"urn:annals:problem:{slug}",
        "title": title,
        "status": status,
        **facts,
        "instance": f"urn:uuid:{getattr(request, 'correlation_id', NIL)}",
    }


# One table, and a table may be long.
def _translated(error: Exception) -> Problem | None:  # noqa: C901, PLR0911, PLR0912
    detail = {"detail": str(error)}
    again = {"headers": {"Retry-After": RETRY_SECONDS}}
    match error:
        case UserError():
            return _refusal(error)
        case SalesforceError():
            return _of_salesforce(error)
        case ConcurrencyError():
            facts = {"expected_version": error.expected, "version": error.actual}
            return 409, "Version conflict", detail | facts
        case UnsealedError():
            return 409, "Not sealed", detail
        case StaleError():
            seen = {"version": error.version, "changes": error.changes}
            headers = {"headers": {"ETag": etag(error.version)}}
            return 412, "Precondition failed", detail | seen | headers
        case KeyReusedError():
            return 422, "Idempotency key reused", detail
        case RequestInProgressError():
            return 409, "Request in progress", detail | again
        case UnreadableEventError() if not error.lacks_key:
            return 503, "Newer event", detail | again
        case KeyRingError() | UnreadableEventError():
            # What is wrong with the keys is for whoever runs this, not for a client.
            text = "Personal data cannot be read or written now. Nothing was recorded."
            return 503, "Keys unavailable", {"detail": text} | again
        case BehindError():
            return 503, "Projection behind", detail | again
        case SuspiciousOperation():
            return 400, "Bad request", {"detail": UNSOUND}
        case CursorError():
            return 400, "Invalid cursor", {"detail": "Begin again without ?cursor=."}
        case OperationalError() if faults.is_too_slow(error):
            text = "This takes too long to find. Narrow it; nothing was recorded."
            return 503, "Too slow", {"detail": text}
        case OperationalError() | InterfaceError():
            text = "The database does not answer. Nothing was half recorded; try again."
            return 503, "Database unavailable", {"detail": text} | again
        case _:
            return _of_framework(error)


def _refusal(error: UserError) -> Problem | None:  # noqa: C901, PLR0911 - one table
    detail = {"detail": str(error)}
    match error:
        case InvalidValueError():
            problem = {"pointer": f"#/{error.field}", "detail": error.reason}
            return 400, "Invalid input", {"errors": [problem]}
        case UserNotFoundError():
            return 404, "User not found", detail
        case UserErasedError():
            return 410, "User erased", detail
        case UserExistsError():
            return 409, "User exists", detail
        case EmailTakenError():
            return 409, "Email taken", detail
        case StatusTransitionError():
            return 409, "Status not allowed", detail
        case OwnedElsewhereError():
            return 409, f"Owned by {error.owner}", detail
        case SecondPersonError():
            return 403, "Second person needed", detail
        case CompanionRefusedError():
            return 424, "Companion refused", detail
        case _:
            return None


def _of_salesforce(error: SalesforceError) -> Problem | None:  # noqa: PLR0911 - one table
    detail: dict[str, Any] = {"detail": str(error)}
    match error:
        case UnknownRunError():
            return 404, "Run not found", detail
        case RunActiveError():
            facts = {"run_id": error.run_id, "state": error.state}
            return 409, "Run active", detail | facts
        case RunStateError():
            return 409, "Run state", detail | {"state": error.state}
        case NoWatermarkError():
            return 409, "Full run needed", detail
        case NotEnabledError():
            return 409, "Salesforce not enabled", detail
        case SinceError():
            problem = {"pointer": "#/since", "detail": str(error)}
            return 400, "Invalid input", {"errors": [problem]}
        case NoIdsError() | RecordIdError():
            problem = {"pointer": "#/ids", "detail": str(error)}
            return 400, "Invalid input", {"errors": [problem]}
        case _:
            return None


def _of_framework(error: Exception) -> Problem | None:
    if isinstance(error, Http404):
        error = exceptions.NotFound("There is nothing at this address.")
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    title, facts = _facts(error)
    facts |= getattr(error, "facts", {})
    return error.status_code, title, facts | {"headers": headers}


def _facts(error: exceptions.APIException) -> tuple[str, dict[str, Any]]:
    title = error.default_code.replace("_", " ").capitalize()
    match error:
        case ParameterError():
            return "Invalid input", {"errors": list(_of_parameters(error.detail))}
        case exceptions.ValidationError():
            return "Invalid input", {"errors": list(_errors(error.detail, "#"))}
        case exceptions.NotAcceptable():
            offered = [each.media_type for each in error.available_renderers or ()]
            return title, {"detail": f"Accept one of {', '.join(offered)}."}
        case _:
            return title, {"detail": str(error.detail)}


def _of_parameters(detail: Any) -> Iterator[dict[str, str]]:
    for name, inner in detail.items():
        for each in inner if isinstance(inner, list) else [inner]:
            yield {"parameter": str(name), "detail": str(each)}


def _errors(detail: Any, pointer: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for field, inner in detail.items():
            is_whole = field == "non_field_errors"
            place = pointer if is_whole else f"{pointer}/{_escaped(str(field))}"
            yield from _errors(inner, place)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _errors(inner, pointer)
    else:
        yield {"pointer": pointer, "detail": str(detail)}


def _escaped(field: str) -> str:
    # RFC 6901, section 6; a client may name a field as it likes.
    token = field.replace("~", "~0").replace("/", "~1")
    return quote(token, safe=FRAGMENT, errors="surrogatepass")
