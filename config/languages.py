"""Settings of the languages in which staff may read the back office."""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "LANGUAGES",
    "LANGUAGE_CODE",
    "LANGUAGE_COOKIE_AGE",
    "LANGUAGE_COOKIE_HTTPONLY",
    "LANGUAGE_COOKIE_NAME",
    "LANGUAGE_COOKIE_SAMESITE",
    "LOCALE_PATHS",
    "USE_I18N",
]

USE_I18N = True
LANGUAGE_CODE = "en"  # and of everything that is not a page for staff
# Each in its own words, so they are not translated.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [Path(__file__).resolve().parent.parent / "locale"]
# A browser that was told nothing is answered by its Accept-Language.
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 86_400  # seconds
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
