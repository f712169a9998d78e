"""A secret on its way to the one page that shows it (ADR-0058).

A form that makes a secret leads to a page, so that loading again makes nothing again.
Between the two the secret lies in the session, sealed and for a few minutes; the page
takes it away as it shows it.
"""

from __future__ import annotations

from cryptography.fernet import InvalidToken
from django.http import HttpRequest

from users import factors

SESSION_KEY = "shown_once"
SECONDS = 300


def keep(request: HttpRequest, of: str, secret: str) -> None:
    """Keep *secret* for the page about *of*; nobody can read it where it lies.

    One at a time: another that was not shown is forgotten.
    """
    request.session[SESSION_KEY] = [of, factors.sealed(secret).decode()]


def take(request: HttpRequest, of: str) -> str:
    """Return the secret and forget it; empty where it was shown, or is too old."""
    kept_for, kept = request.session.get(SESSION_KEY, ("", ""))
    if kept_for != of or request.method != "GET":
        return ""
    del request.session[SESSION_KEY]
    try:
        return factors.opened(kept.encode(), seconds=SECONDS)
    except InvalidToken:
        return ""
