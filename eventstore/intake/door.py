"""``POST /api/ingest/<source>/``: verified over the bytes, durable, then answered 202.

What a delivery means is not asked here.  Whoever cannot prove to be the source learns
nothing, and nothing of theirs is kept.  Never a 500.  Salesforce, which speaks SOAP, is
answered in SOAP: 200 with an acknowledgement, or a fault.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from eventstore.errors import KeyRingError
from eventstore.intake import (
    cloudevents,
    deliveries,
    outbound,
    raw,
    signatures,
    sources,
)
from eventstore.intake.errors import (
    MapperError,
    SourceSettingsError,
    UnknownSourceError,
    UnverifiedError,
)
from eventstore.intake.raw import Kept, Received
from eventstore.intake.sources import SALESFORCE, STANDARD, Source

logger = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
NOBODY = Source(name="", style=STANDARD, mapper="", secrets=(b"no source of ours",))
RETRY_SECONDS = "5"
AGAIN = (400, 429, 503)  # what may be sent again as it is
CHALLENGE = 'Basic realm="annals", charset="UTF-8"'


class _RefusedError(Exception):
    """A delivery is answered with a problem."""

    def __init__(self, status: int, title: str, detail: str, **headers: str) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = {name.replace("_", "-"): each for name, each in headers.items()}
        super().__init__(title)


Spend = Callable[[HttpRequest, str], int]


def receive(request: HttpRequest, source: str, *, spend: Spend) -> HttpResponse:
    """Keep a delivery of *source*, and say so once it is durable.

    Args:
        request: With a body that nobody has read.
        source: Name of the source, as it stands in the address.
        spend: Counts the delivery; returns the seconds to wait when it is one too many.
    """
    try:
        _refuse_too_many(spend(request, source))
        return _answered(request, source)
    except _RefusedError as error:
        return _problem(request, error)
    except (Error, KeyRingError, SourceSettingsError) as error:
        logger.warning("delivery not kept", extra={"error": type(error).__name__})
        detail = "This cannot be kept now. Send it again."
        refused = _RefusedError(503, "Unavailable", detail, Retry_After=RETRY_SECONDS)
        return _problem(request, refused)


def _refuse_too_many(seconds: int) -> None:
    if seconds:
        detail = "Too many deliveries from this address. Wait."
        raise _RefusedError(429, "Quota exceeded", detail, Retry_After=str(seconds))


def _answered(request: HttpRequest, name: str) -> HttpResponse:
    if request.method != "POST":
        raise _RefusedError(405, "Method not allowed", "Send a POST.", Allow="POST")
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    body = _body(request)
    source = _verified(name, headers, body)
    kept = raw.keep(_records(source, headers, body))
    if source.style == SALESFORCE:
        # Sent again, a notification has the newest values: other content is no error.
        return HttpResponse(outbound.ACK, content_type=outbound.CONTENT_TYPE)
    if all(each.is_same for each in kept):
        return _accepted(kept)
    logger.error("delivery repeated with other content", extra={"source": name})
    detail = "This id came before, with other content. What came first is kept."
    raise _RefusedError(409, "Other content", detail)


def _records(
    source: Source, headers: dict[str, str], body: bytes
) -> Sequence[Received]:
    try:
        return deliveries.records(source, headers, body)
    except UnverifiedError as error:
        raise _unverified(source, error) from error
    except MapperError as error:
        detail = f"The delivery was refused whole: {error.code}."
        raise _RefusedError(422, "Not understood", detail) from error


def _unverified(source: Source, error: UnverifiedError) -> _RefusedError:
    told = {"source": source.name, "reason": error.reason}
    logger.warning("delivery not verified", extra=told)
    detail = "This delivery does not prove that it comes from its source."
    challenge = {"WWW_Authenticate": CHALLENGE} if source.style == SALESFORCE else {}
    return _RefusedError(401, "Not verified", detail, **challenge)


def _text(value: str) -> str:
    # WSGI hands on bytes as Latin-1; what senders mean is UTF-8 (PEP 3333).
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _body(request: HttpRequest) -> bytes:
    most = settings.INGEST_MAX_BYTES
    told = request.headers.get("Content-Length", "")
    length = int(told) if told.isdecimal() and len(told) < 12 else 0  # noqa: PLR2004 - a terabyte
    if length > most:
        raise _RefusedError(413, "Body too large", f"Send at most {most} bytes.")
    try:
        body = request.read(most + 1)
    except (OSError, UnreadablePostError) as error:
        raise _RefusedError(400, "Body cut off", "Send it again.") from error
    if len(body) > most:
        raise _RefusedError(413, "Body too large", f"Send at most {most} bytes.")
    if len(body) < length:
        raise _RefusedError(400, "Body cut off", "Send it again.")
    return body


def _verified(name: str, headers: dict[str, str], body: bytes) -> Source:
    try:
        source, is_known = sources.named(name), True
    except UnknownSourceError:
        source, is_known = NOBODY, False
    try:
        # Of no source, too: how long it takes tells nobody which sources there are.
        signatures.verify(
            source,
            headers,
            body,
            now=time.time(),
            tolerance=settings.INGEST_TOLERANCE_SECONDS,
        )
    except UnverifiedError as error:
        if is_known:
            raise _unverified(source, error) from error
    if not is_known:
        raise _RefusedError(404, "Not found", "There is nothing at this address.")
    return source


def _accepted(kept: list[Kept]) -> HttpResponse:
    told: list[dict[str, Any]] = [
        {"id": str(each.record_id), "duplicate": not each.is_new} for each in kept
    ]
    answer = told[0] if len(told) == 1 else {"records": told}
    return HttpResponse(
        orjson.dumps(answer), status=202, content_type="application/json"
    )


def _problem(request: HttpRequest, error: _RefusedError) -> HttpResponse:
    told = {"content-type": request.headers.get("Content-Type", "")}
    if cloudevents.media_type(told) == outbound.MEDIA_TYPE:
        return HttpResponse(
            outbound.fault(error.detail, is_ours=error.status in AGAIN),
            status=error.status,
            content_type=outbound.CONTENT_TYPE,
            headers=error.headers,
        )
    correlation_id = request.correlation_id  # type: ignore[attr-defined]
    body = {
        "type": f"urn:annals:problem:{error.title.lower().replace(' ', '-')}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": f"urn:uuid:{correlation_id}",
    }
    return HttpResponse(
        orjson.dumps(body),
        status=error.status,
        content_type=PROBLEM,
        headers=error.headers,
    )
