"""Deliveries as the systems of the world sign them."""

from __future__ import annotations

import base64
import hmac
import time
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from tests.intake import SECRET

PLAIN_SECRET = "a secret of sixteen bytes or more"


def standard(
    body: bytes, *, key: str = "msg_1", at: float | None = None, secret: str = SECRET
) -> dict[str, str]:
    """Return the headers of Standard Webhooks."""
    instant = str(int(time.time() if at is None else at))
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(raw, f"{key}.{instant}.".encode() + body, sha256).digest()
    return {
        "webhook-id": key,
        "webhook-timestamp": instant,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def ed25519(
    body: bytes, key: Ed25519PrivateKey, *, name: str = "msg_1", at: float | None = None
) -> dict[str, str]:
    """Return the headers of Standard Webhooks, signed with a private key."""
    instant = str(int(time.time() if at is None else at))
    signature = key.sign(f"{name}.{instant}.".encode() + body)
    return {
        "webhook-id": name,
        "webhook-timestamp": instant,
        "webhook-signature": f"v1a,{base64.b64encode(signature).decode()}",
    }


def public(key: Ed25519PrivateKey) -> str:
    """Return the public key, as a sender gives it."""
    raw = key.public_key().public_bytes_raw()
    return f"whpk_{base64.b64encode(raw).decode()}"


def github(body: bytes, *, secret: str = PLAIN_SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={hexed(body, secret)}"}


def stripe(
    body: bytes, *, at: float | None = None, secret: str = PLAIN_SECRET
) -> dict[str, str]:
    instant = str(int(time.time() if at is None else at))
    told = hexed(f"{instant}.".encode() + body, secret)
    return {"Stripe-Signature": f"t={instant},v1={told},v0=abc"}


def basic(login: str) -> dict[str, str]:
    """Return the header of HTTP Basic."""
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def hexed(signed: bytes, secret: str = PLAIN_SECRET) -> str:
    return hmac.new(secret.encode(), signed, sha256).hexdigest()


def post(
    body: bytes,
    headers: dict[str, str],
    *,
    source: str = "crm",
    content_type: str = "application/json",
) -> Any:
    """Send a delivery as a stranger does: no log-in, no token."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    url = f"/api/ingest/{source}/"
    return client.post(url, body, content_type=content_type, headers=headers)
