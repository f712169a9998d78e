"""Settings of how staff log in, for how long (ADR-0039), and what takes two."""

from __future__ import annotations

from typing import Any

import environ

__all__ = [
    "AUTH_PASSWORD_VALIDATORS",
    "FOUR_EYES",
    "LOGIN_FAILURES",
    "LOGIN_LOCK_SECONDS",
    "SESSION_COOKIE_AGE",
    "SESSION_HOURS",
    "SESSION_IDLE_MINUTES",
    "STAFF_SECOND_FACTOR",
]

env = environ.Env()

STAFF_SECOND_FACTOR: bool = env.bool("STAFF_SECOND_FACTOR", default=True)
SESSION_IDLE_MINUTES: int = env.int("SESSION_IDLE_MINUTES", default=30)
SESSION_HOURS: int = env.int("SESSION_HOURS", default=12)
SESSION_COOKIE_AGE = SESSION_HOURS * 3600  # seconds
# So many failed log-ins to one account from one address; then it must wait.
LOGIN_FAILURES: int = env.int("LOGIN_FAILURES", default=5)
LOGIN_LOCK_SECONDS: int = env.int("LOGIN_LOCK_SECONDS", default=900)
# Whether what cannot be undone needs a second person (ADR-0047).
FOUR_EYES: bool = env.bool("FOUR_EYES", default=False)

_RULES = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"{_RULES}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_RULES}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_RULES}.CommonPasswordValidator"},
    {"NAME": f"{_RULES}.NumericPasswordValidator"},
]
