"""Instants as clients write them: RFC 3339, always with an offset."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime

from eventstore.wording import worded

ADVICE = worded(
    "Use an instant with an offset, such as 2026-11-06T15:00:00Z ('+' as %2B)."
)


def parse(raw: str) -> datetime:
    """Return the aware instant that *raw* writes.

    Raises:
        ValueError: It is no instant, or says no offset.
    """
    value = parse_datetime(raw)
    if value is None or value.utcoffset() is None:
        raise ValueError(ADVICE)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(ADVICE) from None
