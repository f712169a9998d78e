"""Coming in: OAuth 2.0 client credentials (RFC 6749) or a signed assertion (RFC 7523).

A session is shared by the threads of a process and made by one of them at a time.
"""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from users.sources.salesforce.errors import LoginError, UnavailableError
from users.sources.salesforce.options import Options, private_key, safe_address
from users.sources.salesforce.transport import exchange

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AGAIN = frozenset({406, 408, 420, 429, 500, 502, 503, 504})  # statuses
ASSERTION_SECONDS = 120  # Salesforce takes at most 180
MOST_LOGINS = 5  # answers a minute: more would be a storm, and lock the account
_lock = threading.Lock()
_sessions: dict[tuple[str, str, str], Session] = {}
_logins: list[float] = []  # monotonic seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What Salesforce let us have.

    Attributes:
        instance_url: Where the API is, as Salesforce says it.
        org_id: Which org it is, 18 characters.
        user_id: Who we are there; empty if Salesforce does not say.
    """

    token: str = field(repr=False)
    instance_url: str
    org_id: str
    user_id: str


def session(http: httpx.Client, told: Options, *, stale: Session | None) -> Session:
    """Return the session of this process, made anew if it is *stale* or there is none.

    Raises:
        LoginError: Salesforce does not let us in, or we came too often.
        UnavailableError: It gave no answer that makes sense.
        UnsafeAddressError: The address is not to be trusted with credentials.
    """
    key = (told.login_url, told.client_id, told.username)
    with _lock:
        known = _sessions.get(key)
        if known is not None and known != stale:
            return known
        _refuse_storm()
        try:
            made = _log_in(http, told)
        except LoginError:
            _logins.append(time.monotonic())
            raise
        # What nobody answered is not counted: it locks no account.
        _logins.append(time.monotonic())
        _sessions[key] = made
        return made


def forget() -> None:
    """Forget every session, and that any was made."""
    with _lock:
        _sessions.clear()
        _logins.clear()


def _refuse_storm() -> None:
    now = time.monotonic()
    _logins[:] = [each for each in _logins if now - each < 60]  # noqa: PLR2004
    if len(_logins) >= MOST_LOGINS:
        code = "too many log-ins in a minute"
        raise LoginError(code)


def _log_in(http: httpx.Client, told: Options) -> Session:
    url = f"{safe_address(told.login_url)}/services/oauth2/token"
    request = http.build_request("POST", url, data=_grant(told))
    answer = exchange(http, request, seconds=told.request_deadline)
    if answer.status in AGAIN:
        reason = f"HTTP {answer.status}"
        raise UnavailableError(reason)
    try:
        body = orjson.loads(answer.body)
        if answer.status >= httpx.codes.BAD_REQUEST:
            raise LoginError(str(body["error"])[:80])
        _, _, org_id, *others = urlsplit(body["id"]).path.split("/")
        made = Session(
            token=body["access_token"],
            instance_url=safe_address(body["instance_url"]),
            org_id=org_id,
            user_id=others[0] if others else "",
        )
    except (KeyError, ValueError, TypeError) as error:
        raise UnavailableError(type(error).__name__) from None
    return made


def _grant(told: Options) -> dict[str, str]:
    if told.auth == "jwt":
        return {"grant_type": JWT_BEARER, "assertion": _assertion(told)}
    return {
        "grant_type": "client_credentials",
        "client_id": told.client_id,
        "client_secret": told.client_secret,
    }


def _assertion(told: Options) -> str:
    try:
        pem = private_key(told)
    except (OSError, UnicodeDecodeError):
        code = "the file with the private key cannot be read"
        raise LoginError(code) from None
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        code = "the private key is no RSA key in PEM form"
        raise LoginError(code)
    claims = {
        "iss": told.client_id,
        "sub": told.username,
        "aud": safe_address(told.login_url),
        "exp": int(time.time()) + ASSERTION_SECONDS,
    }
    parts: tuple[dict[str, Any], ...] = ({"alg": "RS256"}, claims)
    signed = b".".join(_base64(each) for each in parts)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join([signed, base64.urlsafe_b64encode(signature)]).decode().rstrip("=")


def _base64(part: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=")
