"""Instants as clients write them: RFC 3339, always with an offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils.dateparse import parse_datetime

MAX_OFFSET = timedelta(hours=14)  # of a time zone, as far as the world goes
ADVICE = "Use an instant with an offset, such as 2026-11-06T15:00:00Z ('+' as %2B)."


def parse(raw: str) -> datetime:
    """Return the aware instant that *raw* writes.

    Raises:
        ValueError: It is no instant, or says no offset, or one the world does not have.
    """
    value = parse_datetime(raw)
    offset = value.utcoffset() if value else None
    if value is None or offset is None or abs(offset) > MAX_OFFSET:
        raise ValueError(ADVICE)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(ADVICE) from None
