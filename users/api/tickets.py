"""A ticket: how the web vouches for a client at another address of this installation.

HTTP clients drop their Authorization header when they are sent elsewhere, so the
address they are sent to carries a signed ticket.  It is good for seconds, and only
while the token it was given for is live.
"""

from __future__ import annotations

from typing import cast

from django.core import signing
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from users import tokens
from users.api.authentication import Client
from users.api.throttling import spend_as_client, spend_as_stranger
from users.models import ApiToken

PARAMETER = "ticket"
SALT = "annals.ticket"
GOOD_SECONDS = 30


def issue(request: Request) -> str:
    """Return a ticket for the client behind *request*."""
    return signing.dumps(digest(request).hex(), salt=SALT)


def digest(request: Request) -> bytes:
    """Return by what the token behind *request* is known."""
    token = cast("ApiToken", request.auth)
    return bytes(token.digest)


class TicketAuthentication(BaseAuthentication):
    """``?ticket=``, from an answer 307 of the web."""

    def authenticate(self, request: Request) -> tuple[Client, ApiToken] | None:
        """Return the client, or None when no ticket was sent.

        Raises:
            AuthenticationFailed: The ticket is not good, or not any more.
            QuotaExceededError: The client, or a stranger's address, asked too often.
        """
        ticket = request.query_params.get(PARAMETER)
        if ticket is None:
            return None
        try:
            known = signing.loads(ticket, salt=SALT, max_age=GOOD_SECONDS)
        except signing.BadSignature:
            found = []
        else:
            found = tokens.live([bytes.fromhex(known)])
        if not found:
            spend_as_stranger(request)
            message = "This ticket is no longer good: ask the first address again."
            raise AuthenticationFailed(message)
        # Each use is a read: a ticket is good for as many as the token has left.
        spend_as_client(request, found[0])
        return Client(found[0]), found[0]

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        """Return the challenge that makes the answer a 401."""
        return "Bearer"
