"""What is sent: a CloudEvent around the event, signed as Standard Webhooks says.

Source: CloudEvents 1.0 (JSON format, structured mode); Standard Webhooks 1.0.0.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import quote

import orjson

from eventstore.events import RecordedEvent
from eventstore.shown import instant, shown

PREFIX = "whsec_"
SECRET_BYTES = 32
CONTENT_TYPE = "application/cloudevents+json"
SOURCE = "urn:annals:source:"
SCHEMA = "urn:annals:event:"


def new_secret() -> str:
    """Return a fresh signing secret, as the receiver is shown it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def body(event: RecordedEvent, *, personal: bool) -> bytes:
    """Return the CloudEvent; its ``data`` is an element of ``GET /api/v1/events``."""
    kind = f"{quote(event.type, safe='')}:{event.schema_version}"
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(event.event_id),
            "source": SOURCE + quote(event.source, safe=""),
            "type": event.type,
            "subject": event.stream,
            "time": instant(event.occurred_at),
            "datacontenttype": "application/json",
            "dataschema": f"{SCHEMA}{kind}",
            "sequence": str(event.position),
            "data": shown(event, personal=personal),
        }
    )


def headers(
    message_id: str, content: bytes, keys: Sequence[str], *, at: int
) -> dict[str, str]:
    """Return the headers by which a receiver knows the message.

    Args:
        message_id: The same in every attempt; holds no full stop.
        content: The body.
        keys: Secrets, newest first; each makes one signature.
        at: Unix time of this attempt, seconds.
    """
    signed = b"%s.%d.%s" % (message_id.encode(), at, content)
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(key: str, signed: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX))
    digest = hmac.new(raw, signed, sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
