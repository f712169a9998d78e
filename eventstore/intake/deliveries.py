"""A verified delivery -> records: which of them, under which keys.

What cannot be understood here is kept all the same, by its content: the mapper says
what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eventstore.intake import change_events, cloudevents, outbound, raw, strict
from eventstore.intake.errors import MapperError, UnverifiedError
from eventstore.intake.raw import Received
from eventstore.intake.sources import (
    CHANGE_EVENTS,
    CLOUD_EVENTS,
    SALESFORCE,
    STANDARD,
    STRIPE,
    Source,
)

LONGEST_HEADER = 1_000  # characters of one that is kept
KEPT_HEADERS = re.compile(
    r"content-type|user-agent|webhook-id|webhook-timestamp|ce-[a-z0-9]{1,20}"
    r"|x-github-(event|delivery|hook-id)"
)


def records(
    source: Source, headers: Mapping[str, str], body: bytes
) -> Sequence[Received]:
    """Return what the delivery holds; at least one record.

    Args:
        source: Whose it is.
        headers: Of the request, names in lower case.
        body: As received.

    Raises:
        MapperError: A batch is none, is empty, or holds more than 500 events or
            records, or 100 notifications.  Nothing of it is kept.
        UnverifiedError: It names an org that is not the source's.
    """
    if source.style == SALESFORCE:
        return _notifications(source, headers, body)
    if source.format == CLOUD_EVENTS:
        return _cloud_events(source, headers, body)
    if source.format == CHANGE_EVENTS:
        return _change_events(source, headers, body)
    key = _key(source, headers, body)
    return [_received(source, headers, body, kind=raw.WEBHOOK, key=key)]


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those of *headers* that are kept: no secret, no cookie, no address."""
    return {
        name: "".join(c if c.isprintable() else "?" for c in value)[:LONGEST_HEADER]
        for name, value in headers.items()
        if KEPT_HEADERS.fullmatch(name)
    }


def _received(
    source: Source, headers: Mapping[str, str], body: bytes, *, kind: str, key: str
) -> Received:
    kept = kept_headers(headers)
    return Received(
        source=source.name,
        kind=kind,
        body=body,
        key=key,
        content_type=kept.get("content-type", ""),
        headers=kept,
        verified_by=source.style,
    )


def _key(source: Source, headers: Mapping[str, str], body: bytes) -> str:
    # Only what the signature covers may tell deliveries apart: an old one under a new
    # id would pass for new.  So for GitHub and plain HMAC the content decides.
    if source.style == STANDARD:
        return headers["webhook-id"]
    value = _value(body)
    if source.style == STRIPE and isinstance(identity := value.get("id"), str):
        return identity
    if source.format == CHANGE_EVENTS:
        return change_events.key(change_events.header_of(value))
    return ""


def _value(body: bytes) -> dict[str, Any]:
    try:
        value = strict.parsed(body)
    except MapperError:
        return {}
    return value if isinstance(value, dict) else {}


def _notifications(
    source: Source, headers: Mapping[str, str], body: bytes
) -> Sequence[Received]:
    message = outbound.read(body)
    if not message.is_of(source.org_id):
        reason = "another org"
        raise UnverifiedError(reason)
    return [
        _received(source, headers, each.body, kind=raw.OUTBOUND, key=each.id)
        for each in message.notifications
    ]


def _change_events(
    source: Source, headers: Mapping[str, str], body: bytes
) -> Sequence[Received]:
    kind, key = raw.CHANGE_EVENT, _key(source, headers, body)
    return [
        _received(source, headers, text, kind=kind, key=f"{key} {record}".strip())
        for text, record in change_events.cut(body)
    ]


def _cloud_events(
    source: Source, headers: Mapping[str, str], body: bytes
) -> Sequence[Received]:
    kind = raw.CLOUD_EVENT
    media_type = cloudevents.media_type(headers)
    if media_type == cloudevents.BATCH:
        own = {**headers, "content-type": cloudevents.STRUCTURED}
        return [
            _received(source, own, event, kind=kind, key=_event_key(own, event))
            for event in cloudevents.cut(body)
        ]
    if media_type == cloudevents.STRUCTURED:
        key = _event_key(headers, body)
    else:
        # Attributes in headers are not signed: they may name, and not tell apart.
        key = headers["webhook-id"] if source.style == STANDARD else ""
    return [_received(source, headers, body, kind=kind, key=key)]


def _event_key(headers: Mapping[str, str], body: bytes) -> str:
    """Return source and id of a CloudEvent; nothing when it is none."""
    try:
        event = cloudevents.read(headers, body)
    except MapperError:
        return ""
    return f"{event.source} {event.id}"
