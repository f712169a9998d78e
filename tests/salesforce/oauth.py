"""Who may come in: the OAuth grants, and sessions that end."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_JWT = 180  # seconds


class OAuthError(Exception):
    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(kw_only=True)
class Door:
    """The External Client App that we are, and the sessions that are open.

    Attributes:
        logins: How many sessions were opened.
    """

    client_id: str = "3MVG9consumer"
    client_secret: str = "the-consumer-secret"
    username: str = "annals@example.com"
    public_key: RSAPublicKey | None = None
    logins: int = 0
    sessions: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, form: Mapping[str, str]) -> dict[str, str]:
        """Return the answer of the token endpoint, without the URLs.

        Raises:
            OAuthError: The grant is refused.
        """
        answer: dict[str, str] = {"token_type": "Bearer", "signature": "unchecked"}
        match form.get("grant_type"):
            case "client_credentials":
                self._check_client(form)
            case str(grant) if grant == JWT_BEARER:
                self._check_assertion(form.get("assertion", ""))
            case _:
                code = "unsupported_grant_type"
                raise OAuthError(code, "grant type not supported")
        with self.lock:
            self.logins += 1
            token = f"{secrets.token_urlsafe(12)}!AQ{secrets.token_urlsafe(24)}"
            self.sessions.add(token)
        return answer | {"access_token": token}

    def expire(self) -> None:
        """End every session."""
        with self.lock:
            self.sessions.clear()

    def is_open(self, authorization: str) -> bool:
        return authorization.removeprefix("Bearer ") in self.sessions

    def _check_client(self, form: Mapping[str, str]) -> None:
        if form.get("client_id") != self.client_id:
            code = "invalid_client_id"
            raise OAuthError(code, "client identifier invalid")
        if form.get("client_secret") != self.client_secret:
            code = "invalid_client"
            raise OAuthError(code, "invalid client credentials")

    def _check_assertion(self, assertion: str) -> None:
        try:
            head, body, signature = assertion.split(".")
            claims = json.loads(_decoded(body))
            assert self.public_key
            self.public_key.verify(
                _decoded(signature),
                f"{head}.{body}".encode(),
                padding.PKCS1v15(),
                hashes.SHA256(),
            )
            assert json.loads(_decoded(head))["alg"] == "RS256"
            assert claims["iss"] == self.client_id
            assert claims["sub"] == self.username
            assert claims["aud"].startswith("http")
            assert 0 < claims["exp"] - time.time() <= LONGEST_JWT
        except (ValueError, KeyError, AssertionError, InvalidSignature):
            code = "invalid_grant"
            raise OAuthError(code, "invalid assertion") from None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
