"""How much one client may ask: reads and writes apart, strangers by address."""

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


class ClientThrottle(BaseThrottle):
    """Counts the request for the client's token, or for the stranger's address."""

    def allow_request(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        """Return True.

        Raises:
            QuotaExceededError: The limit is spent.
        """
        token = cast("ApiToken | None", request.auth)
        if token is None:
            spend_as_stranger(request)
        elif request.method in SAFE_METHODS:
            most = settings.API_READS_A_MINUTE
            _spend(request, "reads", most, subject=str(token.token_id))
        else:
            most = settings.API_WRITES_A_MINUTE
            _spend(request, "writes", most, subject=str(token.token_id))
        return True


def spend_as_stranger(request: Request) -> None:
    """Count a request that no good token came with, for its address.

    Raises:
        QuotaExceededError: The address has spent its limit.
    """
    most = settings.API_STRANGERS_A_MINUTE
    _spend(request, "strangers", most, subject=client_address(request))


def _spend(request: Request, name: str, most: int, *, subject: str) -> None:
    limit = Limit(name=name, most=most, seconds=WINDOW_SECONDS)
    usage = limits.spend(limit, subject)
    # Where QuotaMiddleware looks; DRF hands its own request to nobody outside.
    request._request.usage = usage  # type: ignore[attr-defined]  # noqa: SLF001
    if usage and usage.is_over:
        raise QuotaExceededError(usage)
