"""``Idempotency-Key``: the same request twice is one command and one answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

from django.db import OperationalError
from django.http import HttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from eventstore.faults import is_deadlock
from users import answers
from users.answers import Answer, Key
from users.api.authentication import Client

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
TRIES = 3  # beside the last one
# A string of RFC 9651, or the same without its quotes.
QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"')
BARE = re.compile(r"([!#-+\--:<-\[\]-~]{1,255})")


def answered(request: Request, produce: Callable[[], Answer]) -> HttpResponse:
    """Return the answer to *request*: *produce* it, or repeat the one it got before.

    Raises:
        ParseError: The key is malformed.
        KeyReusedError: The key came with another request.
        RequestInProgressError: The first request with this key is under way.
    """
    key = _key(request)
    answer, is_replayed = _patiently(key, produce)
    response = HttpResponse(answer.body, status=answer.status)
    for name, value in answer.headers.items():
        response[name] = value
    if is_replayed:
        response[REPLAYED] = "true"
    return response


def _patiently(key: Key | None, produce: Callable[[], Answer]) -> tuple[Answer, bool]:
    # Addresses are claimed before streams are written, so batches may cross. Nothing
    # of the one that the database ended is left: it is carried out anew.
    for _ in range(TRIES):
        try:
            return answers.once(key, produce) if key else (produce(), False)
        except OperationalError as error:
            if not is_deadlock(error):
                raise
    return answers.once(key, produce) if key else (produce(), False)


def _key(request: Request) -> Key | None:
    header = request.headers.get(HEADER)
    if header is None:
        return None
    found = QUOTED.fullmatch(header.strip()) or BARE.fullmatch(header.strip())
    if found is None:
        message = f"Send one {HEADER} of 1 to 255 printable ASCII characters."
        raise ParseError(message)
    client = cast("Client", request.user)
    raw: bytes = getattr(request, "raw", b"")
    line = f"{request.method} {request.get_full_path()}\n"
    return answers.key_of(client=client.actor, key=found[1], asked=line.encode() + raw)
