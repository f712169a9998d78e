"""How much one client may ask: reads and writes apart, strangers by address.

A request is counted where it is recognised, so one that lacks its scope counts, too.
"""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from users import limits
from users.addresses import client_address
from users.api.errors import QuotaExceededError
from users.limits import Limit
from users.models import ApiToken

WINDOW_SECONDS = 60


class OpenPageThrottle(BaseThrottle):
    """Counts a request for a page that asks nobody who they are: schema and docs."""

    def allow_request(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        """Return True.

        Raises:
            QuotaExceededError: The limit is spent.
        """
        if not request.authenticators:
            spend_as_stranger(request)
        return True


def spend_as_client(request: Request, token: ApiToken) -> None:
    """Count a request that came with a good token.

    Raises:
        QuotaExceededError: The client has spent its limit.
    """
    if request.method in SAFE_METHODS:
        name, most = "reads", settings.API_READS_A_MINUTE
    else:
        name, most = "writes", settings.API_WRITES_A_MINUTE
    _spend(request, name, most, subject=str(token.token_id))


def spend_commands(request: Request, count: int) -> None:
    """Count the commands of one body, which is one write whatever it holds.

    Raises:
        QuotaExceededError: The client has spent its limit; none is carried out.
    """
    most = settings.API_COMMANDS_A_MINUTE
    token = cast("ApiToken", request.auth)
    _spend(request, "commands", most, subject=str(token.token_id), uses=count)


def spend_as_stranger(request: Request) -> None:
    """Count a request that no good token came with, for its address.

    Raises:
        QuotaExceededError: The address has spent its limit.
    """
    most = settings.API_STRANGERS_A_MINUTE
    _spend(request, "strangers", most, subject=client_address(request))


def _spend(
    request: Request, name: str, most: int, *, subject: str, uses: int = 1
) -> None:
    limit = Limit(name=name, most=most, seconds=WINDOW_SECONDS)
    usage = limits.spend(limit, subject, uses=uses)
    # Where QuotaMiddleware looks; DRF hands its own request to nobody outside.
    request._request.usage = usage  # type: ignore[attr-defined]  # noqa: SLF001
    if usage and usage.is_over:
        raise QuotaExceededError(usage)
