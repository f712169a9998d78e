"""One line an event: a static name and its fields; never personal data."""

from __future__ import annotations

import logging
from typing import Any

UNAVAILABLE = 503
_PLAIN = (str, int, float, list)  # Django hands whole requests over, query and all
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class FieldsFormatter(logging.Formatter):
    """Writes ``2026-11-24T15:00:00Z WARNING eventstore.doorbell: what key=value``."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}Z {levelname} {name}: {message}",
            datefmt="%Y-%m-%dT%H:%M:%S",
            style="{",
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with everything passed as ``extra`` at its end."""
        fields = "".join(
            f" {key}={value!r}"
            for key, value in vars(record).items()
            if key not in _STANDARD and isinstance(value, _PLAIN)
        )
        return super().format(record) + fields


class UnavailableFilter(logging.Filter):
    """Makes a warning of each 503: it was meant, and asks the client to come again."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* is still to be written."""
        if getattr(record, "status_code", None) != UNAVAILABLE:
            return True
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return logging.getLogger().isEnabledFor(logging.WARNING)


def to_console(level: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything from *level* up, to standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"fields": {"()": "config.logging.FieldsFormatter"}},
        "filters": {"unavailable": {"()": "config.logging.UnavailableFilter"}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "fields"},
        },
        # A refused request is the client's affair, and the answer tells it so.
        "loggers": {
            "django.request": {"level": "ERROR", "filters": ["unavailable"]},
            "httpx": {"level": "WARNING"},  # it tells of every request
        },
        "root": {"handlers": ["console"], "level": level},
    }
