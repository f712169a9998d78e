"""Instants as staff type them, read on their own clock, and told in UTC.

``15:00`` is what the reader's clock shows (``eventstore.zones``); every field, page and
box that takes a time understands it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from django.utils.dateparse import parse_datetime
from django.utils.dates import MONTHS_3
from django.utils.timezone import get_current_timezone
from django.utils.translation import override

from eventstore import zones
from eventstore.zones import NotOnceError

YEARS = range(1970, 3000)  # what lies outside is a slip of the keyboard
NOON = 12

CLOCK = (
    r"(?P<hour>\d{1,2})"
    r"(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,6}))?)?)?"
    r"\s*(?P<half>am|pm)?"
)
ZONE = r"(?:\s*(?P<zone>(?:utc)?[+-]\d\d:\d\d|[a-z]{1,5}))?"
# Other words for the English ones; whoever reads German may type either.
GERMAN = {
    "heute": "today",
    "gestern": "yesterday",
    "jetzt": "now",
    "um": "at",
}
UHR = re.compile(r"\b(\d{1,2})(?::(\d\d))? uhr\b")
VOR = re.compile(r"vor (\d{1,5}) (sekunde|minute|stunde|tag|woche)(?:n|en)?")
UNITS = {
    "sekunde": "second",
    "minute": "minute",
    "stunde": "hour",
    "tag": "day",
    "woche": "week",
}
SPOKEN = re.compile(rf"(?:(?P<day>today|yesterday)\s*)?(?:at\s+)?(?:{CLOCK})?{ZONE}")
READ = re.compile(
    rf"(?P<day>\d{{1,2}})\.? (?P<month>[^\W\d]+)\.? (?P<year>\d{{4}}),?"
    rf"\s*(?:{CLOCK})?{ZONE}"
)
AGO = re.compile(r"(?P<count>\d{1,5}) (?P<unit>second|minute|hour|day|week)s? ago")
FIXED = re.compile(r"(?:utc|z)|(?:utc)?(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d)")


def understood(typed: str, now: datetime) -> datetime | None:
    """Return the instant that *typed* means, aware UTC; None when it is none.

    ``2026-11-06T15:00:00Z``, ``2026-11-06 15:00+01:00``, ``2026-11-06``,
    ``6 Nov 2026, 15:00:00 CET``, ``15:00``, ``3pm``, ``yesterday 3 pm``,
    ``20 minutes ago``, ``now``; ``gestern 15 Uhr`` and ``vor 20 Minuten`` as well,
    whatever the language of the page.  What names neither an offset nor a zone is read
    in the reader's zone, as are its abbreviations; months are English, or as pages
    write them.  A time of day alone is the last one there was.

    Raises:
        NotOnceError: The reader's clock showed that twice, or never.
    """
    words = _in_english(" ".join(typed.lower().split()))
    for reading in (_written, _read, _ago, _spoken):
        try:
            found = reading(words, now)
        except NotOnceError:
            raise
        except (OverflowError, ValueError):
            continue  # no such day, or no such time of day
        if found is not None and found.year in YEARS:
            return found
    return None


def _in_english(words: str) -> str:
    found = VOR.fullmatch(words)
    if found is not None:
        return f"{found[1]} {UNITS[found[2]]}s ago"
    digital = UHR.sub(lambda each: f"{each[1]}:{each[2] or '00'}", words)
    return " ".join(GERMAN.get(word, word) for word in digital.split(" "))


def _written(words: str, now: datetime) -> datetime | None:
    del now
    text = words if ":" in words else f"{words} 00:00"
    found = parse_datetime(text.upper())
    if found is None:
        return None
    return found.astimezone(UTC) if found.tzinfo else zones.at(found)


def _read(words: str, now: datetime) -> datetime | None:
    del now
    found = READ.fullmatch(words)
    if found is None:
        return None
    named = (n for names in _months() for n, name in names if name == found["month"])
    day = date(int(found["year"]), next(named, 0), int(found["day"]))
    return _at(day, _clock(found) or time(), found["zone"])


def _months() -> Iterator[list[tuple[int, str]]]:
    yield [(number, str(name).lower()) for number, name in MONTHS_3.items()]
    with override("en"):
        yield [(number, str(name).lower()) for number, name in MONTHS_3.items()]


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
    day = now.astimezone(_fixed(found["zone"]) or get_current_timezone()).date()
    if found["day"] == "yesterday":
        return _at(day - timedelta(days=1), clock, found["zone"])
    if found["day"]:
        return _at(day, clock, found["zone"])
    return _last(day, clock, found["zone"], now)


def _last(day: date, clock: time, zone: str | None, now: datetime) -> datetime:
    """Return the last time up to *now* that the clock showed *clock*; *day* is today.

    Where the clocks changed today, and it is over, somebody has to say which they mean.
    """
    try:
        today = _at(day, clock, zone)
    except NotOnceError as error:
        if error.choices[-1] <= now:
            raise
        shown = datetime.combine(day, clock)
        before = [each for each in error.choices if each <= now]
        today = next(
            (each for each in before if _shows(each, shown)), error.choices[-1]
        )
    if today > now:
        return _at(day - timedelta(days=1), clock, zone)
    return today


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
    fraction = int((found["fraction"] or "").ljust(6, "0"))
    return time(hour, int(found["minute"] or 0), int(found["second"] or 0), fraction)


def _at(day: date, clock: time, zone: str | None) -> datetime:
    """Return when *zone* showed that; the reader's, where it is none or its name.

    Raises:
        NotOnceError: It did so twice, and no abbreviation says which, or never.
        ValueError: The abbreviation is not the reader's zone's then.
    """
    shown = datetime.combine(day, clock)
    fixed = _fixed(zone)
    if fixed is not None:
        return shown.replace(tzinfo=fixed).astimezone(UTC)
    try:
        found = [zones.at(shown)]
    except NotOnceError as error:
        found = [each for each in error.choices if _shows(each, shown)]
        if zone is None or not found:
            raise
    if zone is None:
        return found[0]
    (meant,) = (each for each in found if _abbreviated(each) == zone)
    return meant


def _shows(instant: datetime, shown: datetime) -> bool:
    return zones.local(instant).replace(tzinfo=None, fold=0) == shown


def _abbreviated(instant: datetime) -> str:
    return zones.abbreviation(zones.local(instant)).lower()


def _fixed(zone: str | None) -> tzinfo | None:
    """Return the offset that *zone* names; None where it names none."""
    found = FIXED.fullmatch(zone or "")
    if found is None:
        return None
    minutes = int(found["hours"] or 0) * 60 + int(found["minutes"] or 0)
    return timezone(timedelta(minutes=-minutes if found["sign"] == "-" else minutes))
