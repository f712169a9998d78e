"""``Authorization: Bearer <token>``: which client is calling."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from users import tokens
from users.models import ApiToken


class Client:
    """A REST client known by its token; every event it causes names it."""

    is_authenticated = True

    def __init__(self, token: ApiToken) -> None:
        self.name = token.name

    @property
    def actor(self) -> str:
        """The client as the log names it."""
        return f"client:{self.name}"


class ApiTokenAuthentication(BaseAuthentication):
    """Bearer tokens issued with ``manage.py issue_token``."""

    keyword = b"bearer"

    def authenticate(self, request: Request) -> tuple[Client, ApiToken] | None:
        """Return the client, or None when no bearer token was sent."""
        header = get_authorization_header(request).split()
        if not header or header[0].lower() != self.keyword:
            return None
        if len(header) != len(("Bearer", "token")):
            message = "Send the header as 'Authorization: Bearer <token>'."
            raise AuthenticationFailed(message)
        token = tokens.verify(header[1].decode("latin-1"))
        if token is None:
            message = "This token is not known or was revoked."
            raise AuthenticationFailed(message)
        return Client(token), token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        """Return the challenge that makes the answer a 401."""
        return "Bearer"
