"""Instants as staff type them: pasted from a page, or "yesterday 15:00"; in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from django.utils.dateparse import parse_datetime

YEARS = range(1970, 3000)  # what lies outside is a slip of the keyboard
NOON = 12

CLOCK = (
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d))?)?\s*(?P<half>am|pm)?"
)
ZONE = r"(?:\s*(?:utc|z))?"
SPOKEN = re.compile(rf"(?:(?P<day>today|yesterday)\s*)?(?:at\s+)?(?:{CLOCK})?{ZONE}")
READ = re.compile(rf"(?P<day>\d{{1,2}} [a-z]{{3}} \d{{4}}),?\s*(?:{CLOCK})?{ZONE}")
AGO = re.compile(r"(?P<count>\d{1,5}) (?P<unit>second|minute|hour|day|week)s? ago")


def understood(typed: str, now: datetime) -> datetime | None:
    """Return the instant that *typed* means, aware UTC; None when it is none.

    ``2026-11-06T15:00:00Z``, ``2026-11-06 15:00+01:00``, ``2026-11-06``,
    ``6 Nov 2026, 15:00:00 UTC``, ``15:00``, ``3pm``, ``yesterday 3 pm``,
    ``20 minutes ago``, ``now``.  A time of day alone is the last one there was.
    """
    words = " ".join(typed.lower().split())
    for reading in (_written, _read, _ago, _spoken):
        try:
            found = reading(words, now)
        except (OverflowError, ValueError):
            continue  # no such day, or no such time of day
        if found is not None and found.year in YEARS:
            return found
    return None


def _written(words: str, now: datetime) -> datetime | None:
    del now
    text = words if ":" in words else f"{words} 00:00"
    found = parse_datetime(text.upper())
    if found is None:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def _read(words: str, now: datetime) -> datetime | None:
    del now
    found = READ.fullmatch(words)
    if found is None:
        return None
    day = datetime.strptime(found["day"], "%d %b %Y").replace(tzinfo=UTC).date()
    return _at(day, _clock(found) or time())


def _ago(words: str, now: datetime) -> datetime | None:
    if words == "now":
        return now
    found = AGO.fullmatch(words)
    if found is None:
        return None
    return now - timedelta(**{f"{found['unit']}s": int(found["count"])})


def _spoken(words: str, now: datetime) -> datetime | None:
    found = SPOKEN.fullmatch(words)
    if found is None or not (found["day"] or _is_a_clock(found)):
        return None
    clock = _clock(found) or time()
    day = now.date()
    if found["day"] == "yesterday" or (not found["day"] and _at(day, clock) > now):
        day -= timedelta(days=1)
    return _at(day, clock)


def _is_a_clock(found: re.Match[str]) -> bool:
    return bool(found["minute"] or found["half"])  # "15" alone is a position


def _clock(found: re.Match[str]) -> time | None:
    if found["hour"] is None:
        return None
    hour = int(found["hour"])
    if found["half"]:
        if hour not in range(1, NOON + 1):
            raise ValueError(hour)
        hour = hour % NOON + (NOON if found["half"] == "pm" else 0)
    return time(hour, int(found["minute"] or 0), int(found["second"] or 0))


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=UTC)
