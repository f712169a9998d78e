"""One exchange over HTTP, and an end to it in any case."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    status: int
    headers: httpx.Headers
    body: bytes


def reason_of(error: httpx.TransportError) -> str:
    """Return what stood in the way, for whoever reads why a run failed."""
    name = type(error).__name__
    if (untrusted := _certificate_error(error)) is not None:
        return f"its certificate is not trusted: {untrusted.verify_message}"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"nobody answers at its address ({name})"
    return name


def _certificate_error(
    error: BaseException | None,
) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def exchange(http: httpx.Client, request: httpx.Request, *, seconds: float) -> Answer:
    """Send *request* and return the answer once it is whole.

    Args:
        http: Its time-outs are those between two bytes.
        request: May be sent again.
        seconds: For everything; a server that drips is cut off.

    Raises:
        httpx.TransportError: There was no whole answer, or not in time.
    """
    deadline = time.monotonic() + seconds
    answer = http.send(request, stream=True)
    try:
        parts = []
        for part in answer.iter_raw():  # unpacked, what drips would show too late
            parts.append(part)
            if time.monotonic() > deadline:
                message = "an answer that does not end"
                raise httpx.ReadTimeout(message)
    finally:
        answer.close()
    try:
        whole = httpx.Response(
            answer.status_code, headers=answer.headers, content=b"".join(parts)
        )
    except httpx.DecodingError as error:
        message = "an answer that cannot be unpacked"
        raise httpx.ReadError(message) from error
    return Answer(status=whole.status_code, headers=whole.headers, body=whole.content)
