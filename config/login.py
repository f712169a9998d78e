"""Logging in to the back office, with a lock after too many failures (ADR-0024)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import ceil
from typing import Any, cast

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config import audit
from eventstore.admin.pages import page
from users import limits
from users.addresses import client_address
from users.limits import Limit, Usage

MINUTE = 60  # seconds
FOUND = 302
TOO_MANY = 429

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
        request = cast("HttpRequest", self.request)
        self.lock = count_guess(request, username)
        if self.lock:
            raise ValidationError(_advice(self.lock), code="locked")
        cleaned = super().clean()
        forget_guesses(request, username)
        return cleaned


def change_password(
    request: HttpRequest, change: Callable[[], HttpResponse]
) -> HttpResponse:
    """Return what *change* answers; a wrong old password counts as a failed log-in."""
    if request.method != "POST":
        return change()
    username = request.user.get_username()
    lock = count_guess(request, username)
    if lock:
        told = {"title": _("Not now"), "message": _advice(lock)}
        late = page(request, "admin/not_found.html", status=TOO_MANY, **told)
        late.headers["Retry-After"] = str(lock.resets_in)
        return late
    response = change()
    if response.status_code == FOUND:
        forget_guesses(request, username)
    return response


def count_guess(request: HttpRequest, username: str) -> Usage | None:
    """Count a password that is about to be tried; return the limit once it is over."""
    subject = _subject(request, username)
    usage = limits.spend(_limit(), subject)
    if usage is None or not usage.is_over:
        return None
    logger.warning("log-in locked", extra={"seconds": usage.resets_in})
    audit.locked(username, subject, usage)
    return usage


def forget_guesses(request: HttpRequest, username: str) -> None:
    """Set the count back: the password was right."""
    limits.forget(_limit(), _subject(request, username))


def _limit() -> Limit:
    return Limit(
        name="log-ins",
        most=settings.LOGIN_FAILURES,
        seconds=settings.LOGIN_LOCK_SECONDS,
    )


def _subject(request: HttpRequest, username: str) -> str:
    return f"{username.casefold()}\0{client_address(request)}"


def _advice(usage: Usage) -> str:
    minutes = ceil(usage.resets_in / MINUTE)
    return ngettext(
        "Too many log-ins failed. Try again in {count} minute.",
        "Too many log-ins failed. Try again in {count} minutes.",
        minutes,
    ).format(count=minutes)
