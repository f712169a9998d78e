"""Personal fields sealed for one person, and opened again; no database.

One AES-256-GCM blob an event.  What it was sealed for, its *place*, is authenticated
with it, so a blob moved to another event does not open (ADR-0009).
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore.codec import SEALED
from eventstore.errors import SealBrokenError
from eventstore.events import ERASED
from eventstore.hashing import canonical

NONCE_BYTES = 12
PARTS = {"blob", "fields", "subject"}  # of what is sealed


def event_place(event_id: UUID, stream: str, type_name: str, subject: str) -> bytes:
    """Return what an event's blob is sealed for.  No part can hold a line break."""
    return f"event\n{event_id}\n{stream}\n{type_name}\n{subject}".encode()


def sealed(
    payload: Mapping[str, Any],
    personal: Sequence[str],
    *,
    cipher: AESGCM,
    subject: str,
    place: bytes,
) -> dict[str, Any]:
    """Return *payload* with its *personal* fields in one blob under ``sealed``.

    Raises:
        PayloadError: A personal field is outside the JSON profile.
    """
    inside = canonical({name: payload[name] for name in personal if name in payload})
    stored = {name: value for name, value in payload.items() if name not in personal}
    stored[SEALED] = {
        "blob": seal(cipher, inside, place),
        "fields": [name for name in personal if name in payload],
        "subject": subject,
    }
    return stored


def opened(stored: Mapping[str, Any], cipher: AESGCM, place: bytes) -> dict[str, Any]:
    """Return the payload that *stored* was before it was sealed.

    Raises:
        SealBrokenError: The blob was changed, moved, or sealed under another key.
    """
    inside = orjson.loads(unseal(cipher, stored[SEALED]["blob"], place))
    return {**_in_clear(stored), **inside}


def erased(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return *stored* with ``[erased]`` for each field that nobody can open."""
    fields = dict.fromkeys(stored[SEALED]["fields"], ERASED)
    return {**_in_clear(stored), **fields}


def is_sealed(stored: Mapping[str, Any]) -> bool:
    """Say whether a stored payload has a sealed part."""
    seal = stored.get(SEALED)
    return (
        isinstance(seal, dict)
        and seal.keys() == PARTS
        and isinstance(seal["blob"], str)
        and isinstance(seal["subject"], str)
        and isinstance(seal["fields"], list)
        and set(map(type, seal["fields"])) <= {str}
    )


def seal(cipher: AESGCM, content: bytes, place: bytes) -> str:
    """Return *content* sealed for *place*: base64 of nonce, ciphertext and tag."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64.b64encode(nonce + cipher.encrypt(nonce, content, place)).decode()


def unseal(cipher: AESGCM, blob: str, place: bytes) -> bytes:
    """Return what was sealed for *place*.

    Raises:
        SealBrokenError: The blob was changed, moved, or sealed under another key.
    """
    try:
        raw = base64.b64decode(blob, validate=True)
        return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place)
    except (binascii.Error, InvalidTag, TypeError, ValueError):
        raise SealBrokenError from None


def _in_clear(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name != SEALED}
