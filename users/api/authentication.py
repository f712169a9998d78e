"""``Authorization: Bearer <token>``: which client is calling."""

from __future__ import annotations

from django.utils.dateformat import format as formatted
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from users import tokens
from users.api.throttling import spend_as_client, spend_as_stranger
from users.models import ApiToken
from users.tokens import Standing


class Client:
    """A REST client known by its token; every event it causes names it."""

    is_authenticated = True

    def __init__(self, token: ApiToken) -> None:
        self.name = token.name
        self.scopes = frozenset(token.scopes)

    @property
    def actor(self) -> str:
        """The client as the log names it."""
        return f"client:{self.name}"


class ApiTokenAuthentication(BaseAuthentication):
    """Bearer tokens, issued in the back office or with ``manage.py issue_token``."""

    keyword = b"bearer"

    def authenticate(self, request: Request) -> tuple[Client, ApiToken] | None:
        """Return the client, or None when no bearer token was sent.

        Raises:
            AuthenticationFailed: The token does not work; says why.
            QuotaExceededError: The client, or a stranger's address, asked too often.
        """
        header = get_authorization_header(request).split()
        if not header or header[0].lower() != self.keyword:
            spend_as_stranger(request)
            return None
        if len(header) != len(("Bearer", "token")):
            spend_as_stranger(request)
            message = "Send the header as 'Authorization: Bearer <token>'."
            raise AuthenticationFailed(message)
        token = tokens.find(header[1].decode("latin-1"))
        if token is None or tokens.standing(token) is not Standing.LIVE:
            spend_as_stranger(request)
            raise AuthenticationFailed(_refusal(token))
        spend_as_client(request, token)
        tokens.note_use(token)
        return Client(token), token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge that makes the answer a 401 (RFC 6750, section 3)."""
        header = get_authorization_header(request).split()
        was_sent = bool(header) and header[0].lower() == self.keyword
        return 'Bearer error="invalid_token"' if was_sent else "Bearer"


def _refusal(token: ApiToken | None) -> str:
    if token is None:
        return "This token is not known."
    if token.expires_at is None or token.revoked_at is not None:
        return "This token was revoked. Ask for a new one."
    ended = formatted(token.expires_at, "Y-m-d H:i")
    return f"This token expired at {ended} UTC. Ask for a new one."
