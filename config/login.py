"""Logging in to the back office, with a lock after too many failures (ADR-0024)."""

from __future__ import annotations

import logging
from math import ceil
from typing import Any, cast

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import ngettext

from config import audit
from users import limits
from users.addresses import client_address
from users.limits import Limit, Usage

MINUTE = 60  # seconds

logger = logging.getLogger(__name__)


class LoginForm(AdminAuthenticationForm):
    """Counts an attempt before it is made, so that many at once are no way around.

    What is counted is the name as typed, with the address: the answer is the same
    whether there is such an account or not, and nobody can lock somebody else out
    from elsewhere.

    Attributes:
        lock: The limit that stands in the way; None when none does.
    """

    lock: Usage | None = None

    def clean(self) -> dict[str, Any]:
        """Return the fields of a log-in that succeeded; it sets the count back."""
        username = self.cleaned_data.get("username")
        if not username or not self.cleaned_data.get("password"):
            return super().clean()
        limit = Limit(
            name="log-ins",
            most=settings.LOGIN_FAILURES,
            seconds=settings.LOGIN_LOCK_SECONDS,
        )
        address = client_address(cast("HttpRequest", self.request))
        subject = f"{username.casefold()}\0{address}"
        usage = limits.spend(limit, subject)
        if usage and usage.is_over:
            self.lock = usage
            logger.warning("log-in locked", extra={"seconds": usage.resets_in})
            audit.locked(username, subject, usage)
            raise ValidationError(_advice(usage), code="locked")
        cleaned = super().clean()
        limits.forget(limit, subject)
        return cleaned


def _advice(usage: Usage) -> str:
    minutes = ceil(usage.resets_in / MINUTE)
    return ngettext(
        "Too many log-ins failed. Try again in {count} minute.",
        "Too many log-ins failed. Try again in {count} minutes.",
        minutes,
    ).format(count=minutes)
