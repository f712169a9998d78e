"""CloudEvents over HTTP, read strictly: what is required is required, nothing invented.

Source: CloudEvents 1.0.2; its HTTP protocol binding 1.0.2 and JSON format 1.0.2.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import msgspec
from django.utils.dateparse import parse_datetime

from eventstore.intake import strict
from eventstore.intake.errors import MapperError

BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
PREFIX = "ce-"
MOST_EVENTS = 500  # of one batch


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One event; *data* is a JSON value."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime | None
    data: Any


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a body, in lower case, without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def read(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """Return the event of a body in structured or binary mode.

    Raises:
        MapperError: It is none: an attribute lacks or is malformed, or it is no JSON.
    """
    if media_type(headers) == STRUCTURED:
        value = strict.parsed(body)
        if not isinstance(value, dict):
            raise MapperError(NOT_ONE)
        return _event(value, _data(value))
    told = {
        name.removeprefix(PREFIX): unquote(each)
        for name, each in headers.items()
        if name.startswith(PREFIX)
    }
    return _event(told, strict.parsed(body) if body else None)


def cut(body: bytes) -> list[bytes]:
    """Return the events of a batch, byte for byte.

    Raises:
        MapperError: It is no batch, is empty, or holds more than 500 events.
    """
    try:
        strict.parsed(body)
        raws = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (MapperError, msgspec.DecodeError, RecursionError):
        raws = []
    if not 0 < len(raws) <= MOST_EVENTS:
        code = "no_batch"
        raise MapperError(code)
    return [bytes(each) for each in raws]


NOT_ONE = "not_a_cloudevent"


def _event(told: Mapping[str, Any], data: Any) -> CloudEvent:
    needed = [told.get(name) for name in ("id", "source", "type")]
    subject = told.get("subject", "")
    if (
        told.get("specversion") != "1.0"
        or not all(isinstance(each, str) and each for each in needed)
        or not isinstance(subject, str)
    ):
        raise MapperError(NOT_ONE)
    identity, source, kind = needed
    return CloudEvent(
        id=str(identity),
        source=str(source),
        type=str(kind),
        subject=subject,
        time=_instant(told.get("time")),
        data=data,
    )


def _data(told: Mapping[str, Any]) -> Any:
    if "data_base64" not in told:
        return told.get("data")
    try:
        return strict.parsed(base64.b64decode(told["data_base64"], validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise MapperError(NOT_ONE) from None


def _instant(told: Any) -> datetime | None:
    if told is None:
        return None
    try:
        value = parse_datetime(told)
    except (TypeError, ValueError):
        value = None
    if value is None or value.tzinfo is None:
        raise MapperError(NOT_ONE)
    return value
