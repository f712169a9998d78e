"""Is a delivery its source's, and of now?  Over the bytes as received.

Nothing is parsed before it is verified.  Every secret is tried, and compared in
constant time; a malformed header is no better and no worse than a wrong signature.

Source: Standard Webhooks 1.0.0; RFC 7617; the documents of GitHub and Stripe.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from eventstore.intake.errors import UnverifiedError
from eventstore.intake.sources import (
    GITHUB,
    HMAC,
    LOGIN,
    SALESFORCE,
    STANDARD,
    STRIPE,
    Source,
)

INSTANT = re.compile(r"[0-9]{1,12}")  # Unix time, seconds
IDENTITY = re.compile(r"[^\s.\x00-\x1f\x7f]{1,200}")  # a full stop ends the id
MOST_SIGNATURES = 20  # in one header
HEX = re.compile(r"[0-9a-f]{64}")

Headers = Mapping[str, str]  # names in lower case


def verify(
    source: Source,
    headers: Headers,
    body: bytes,
    *,
    now: float,
    tolerance: int,
) -> None:
    """Do nothing if the delivery is the source's.

    Args:
        source: Whose it claims to be.
        headers: Of the request, names in lower case.
        body: As received.
        now: Unix time, seconds.
        tolerance: Seconds that a signed time may be off, either way.

    Raises:
        UnverifiedError: It is not, or not of now; the reason is not for the sender.
    """
    signed, told = _STYLES[source.style](source, headers, body, now, tolerance)
    digests = list(told)
    is_good = _is_signed(source.public_keys, headers, signed)
    for secret in source.secrets:
        own = hmac.new(secret, signed, sha256).digest()
        for digest in digests:
            is_good |= hmac.compare_digest(own, digest)
    if not is_good:
        reason = "no signature fits"
        raise UnverifiedError(reason)


def _standard(
    _source: Source,
    headers: Headers,
    body: bytes,
    now: float,
    tolerance: int,
) -> tuple[bytes, Iterable[bytes]]:
    identity = _needed(headers, "webhook-id")
    if not IDENTITY.fullmatch(identity):
        reason = "malformed webhook-id"
        raise UnverifiedError(reason)
    instant = _needed(headers, "webhook-timestamp")
    _refuse_other_times(instant, now, tolerance)
    signed = b"%s.%s.%s" % (identity.encode("utf-8", "replace"), instant.encode(), body)
    return signed, _digests(_listed(headers, "v1"), _base64)


def _listed(headers: Headers, version: str) -> list[str]:
    """Return the signatures of a version that a delivery by Standard Webhooks has."""
    listed = _needed(headers, "webhook-signature").split(" ")[:MOST_SIGNATURES]
    found = [each.partition(",") for each in listed]
    return [text for known, _comma, text in found if known == version]


def _is_signed(keys: Iterable[bytes], headers: Headers, signed: bytes) -> bool:
    """Say whether one of the public keys fits.  Nothing of it is secret."""
    for key in keys:
        for signature in _digests(_listed(headers, "v1a"), _base64):
            with suppress(InvalidSignature):
                Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
                return True
    return False


def _github(
    _source: Source,
    headers: Headers,
    body: bytes,
    _now: float,
    _tolerance: int,
) -> tuple[bytes, Iterable[bytes]]:
    name, _equals, text = _needed(headers, "x-hub-signature-256").partition("=")
    return body, _digests([text] if name == "sha256" else [], _hex)


def _stripe(
    _source: Source,
    headers: Headers,
    body: bytes,
    now: float,
    tolerance: int,
) -> tuple[bytes, Iterable[bytes]]:
    parts = _needed(headers, "stripe-signature").split(",")[: MOST_SIGNATURES + 1]
    pairs = [part.strip().partition("=") for part in parts]
    instants = [value for name, _equals, value in pairs if name == "t"]
    if len(instants) != 1:
        reason = "not one time"
        raise UnverifiedError(reason)
    _refuse_other_times(instants[0], now, tolerance)
    signed = instants[0].encode() + b"." + body
    return signed, _digests((v for n, _equals, v in pairs if n == "v1"), _hex)


def _plain(
    source: Source,
    headers: Headers,
    body: bytes,
    now: float,
    tolerance: int,
) -> tuple[bytes, Iterable[bytes]]:
    text = _needed(headers, source.header.lower())
    if not text.startswith(source.prefix):
        reason = "no prefix"
        raise UnverifiedError(reason)
    if source.timestamp_header:
        instant = _needed(headers, source.timestamp_header.lower())
        _refuse_other_times(instant, now, tolerance)
        body = instant.encode() + b"." + body
    decode = _base64 if source.encoding == "base64" else _hex
    return body, _digests([text.removeprefix(source.prefix)], decode)


def _basic(
    _source: Source,
    headers: Headers,
    _body: bytes,
    _now: float,
    _tolerance: int,
) -> tuple[bytes, Iterable[bytes]]:
    scheme, _space, text = _needed(headers, "authorization").partition(" ")
    given = _base64(text.strip()) if scheme.lower() == "basic" else b""
    # Nothing is signed.  Secrets are compared as keys of one HMAC, so that neither
    # their length nor how much of them fits can be told from the time it takes.
    is_one = LOGIN.fullmatch(given.decode("latin-1"))
    return b"", [hmac.new(given, b"", sha256).digest()] if is_one else []


_STYLES: Mapping[
    str,
    Callable[[Source, Headers, bytes, float, int], tuple[bytes, Iterable[bytes]]],
] = {
    STANDARD: _standard,
    GITHUB: _github,
    STRIPE: _stripe,
    HMAC: _plain,
    SALESFORCE: _basic,
}


def _needed(headers: Headers, name: str) -> str:
    value = headers.get(name, "")
    if not value:
        reason = f"no {name}"
        raise UnverifiedError(reason)
    return value


def _refuse_other_times(text: str, now: float, tolerance: int) -> None:
    if not INSTANT.fullmatch(text):
        reason = "malformed time"
        raise UnverifiedError(reason)
    if abs(now - int(text)) > tolerance:
        reason = "another time"
        raise UnverifiedError(reason)


def _digests(texts: Iterable[str], decode: Callable[[str], bytes]) -> Iterator[bytes]:
    for text in texts:
        try:
            yield decode(text)
        except ValueError:
            continue


def _hex(text: str) -> bytes:
    return bytes.fromhex(text) if HEX.fullmatch(text) else b""


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
