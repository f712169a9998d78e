"""Who may not, and who must wait: what every endpoint may answer."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException

from users.limits import Usage
from users.scopes import Scope


class MissingScopeError(APIException):
    """The token is a good one, but not for this.

    Attributes:
        auth_header: The challenge of RFC 6750, section 3.1.
        facts: Members of the problem beside its text.
    """

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "missing_scope"

    def __init__(self, scope: Scope, why: str = "") -> None:
        """Name *scope*, which the token lacks; *why* says what it is needed for."""
        needed = why or "This token may not do this."
        super().__init__(f"{needed} It takes a token with the scope {scope}.")
        self.auth_header = f'Bearer error="insufficient_scope", scope="{scope}"'
        self.facts: dict[str, Any] = {"scope": scope.value}


class QuotaExceededError(APIException):
    """One request too many in this window.

    Attributes:
        wait: Seconds until the window ends.
        facts: Members of the problem beside its text.

    Source: draft-ietf-httpapi-ratelimit-headers-11, "quota-exceeded".
    """

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "quota_exceeded"

    def __init__(self, usage: Usage) -> None:
        """Say how long to wait."""
        limit = usage.limit
        super().__init__(
            f"At most {limit.most} ({limit.name}) in {limit.seconds} s; "
            f"try again in {usage.resets_in} s."
        )
        self.wait = usage.resets_in
        self.facts: dict[str, Any] = {"violated-policies": [limit.name]}
