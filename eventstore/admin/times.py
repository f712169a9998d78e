"""Instants as staff type them, read on their own clock, and told in UTC.

``15:00`` is what the reader's clock shows (``eventstore.zones``); every field, page and
box that takes a time understands it here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from django.utils.dateparse import parse_datetime
from django.utils.dates import (
    MONTHS,
    MONTHS_3,
    MONTHS_AP,
    WEEKDAYS,
    WEEKDAYS_ABBR,
)
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django_stubs_ext import StrOrPromise

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
    **dict.fromkeys(("letzten", "letzte", "letzter", "letztem"), "last"),
    "montag": "monday",
    "dienstag": "tuesday",
    "mittwoch": "wednesday",
    "donnerstag": "thursday",
    "freitag": "friday",
    "samstag": "saturday",
    "sonnabend": "saturday",
    "sonntag": "sunday",
}
UHR = re.compile(r"\b(\d{1,2})(?:[:.](\d\d))? uhr\b(?: am\b)?")
VOR = re.compile(r"vor (\d{1,5}) (sekunde|minute|stunde|tag|woche)(?:n|en)?")
UNITS = {
    "sekunde": "second",
    "minute": "minute",
    "stunde": "hour",
    "tag": "day",
    "woche": "week",
}
WORD = r"[^\W\d]+"
DAY = (
    r"(?:(?:on|am) )?(?:(?P<near>today|yesterday)"
    rf"|(?P<last>last )?(?P<weekday>{WORD})"
    rf"|(?P<day>\d{{1,2}})\.? (?P<month>{WORD})\.?(?:,? (?P<year>\d{{4}}))?"
    rf"|(?P<us_month>{WORD})\.? (?P<us_day>\d{{1,2}})(?:st|nd|rd|th)?(?!\w)"
    r"(?:,? (?P<us_year>\d{4}))?"
    r"|(?P<de_day>\d{1,2})\. ?(?P<de_month>\d{1,2})\. ?(?P<de_year>\d{4})?"
    r"|(?P<iso>\d{4}-\d\d-\d\d))"
)
CLOCK_ALONE = re.compile(rf"(?:at )?{CLOCK}{ZONE}")
DAY_FIRST = re.compile(rf"{DAY}(?:,?\s*(?:at )?{CLOCK})?{ZONE}")
CLOCK_FIRST = re.compile(rf"(?:at )?{CLOCK}{ZONE}?,? {DAY}")  # a zone if it must be
SLASHED = re.compile(r"\d{1,2}/\d{1,2}(?:/\d{2,4})?(?!\d).*")
OF_TIMES = frozenset({"am", "pm", "uhr", "today", "yesterday", "ago", "last", "vor"})
WEEK = 7  # days
LEAP = 9  # years, the current one included, among which every day of the year is
AGO = re.compile(r"(?P<count>\d{1,5}) (?P<unit>second|minute|hour|day|week)s? ago")
FIXED = re.compile(r"(?:utc|z)|(?:utc)?(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d)")


def understood(typed: str, now: datetime) -> datetime | None:
    """Return the instant that *typed* means, aware UTC; None when it is none.

    ``2026-11-06T15:00:00Z``, ``2026-11-06 15:00+01:00``, ``2026-11-06``,
    ``6 Nov 2026, 15:00:00 CET``, ``Nov 6 at 3pm``, ``6.11. 15:00``, ``15:00``, ``3pm``,
    ``yesterday 3 pm``, ``3 pm yesterday``, ``last tuesday``, ``20 minutes ago``,
    ``now``; ``gestern 15 Uhr`` and ``vor 20 Minuten`` as well, whatever the language of
    the page.  What names neither an offset nor a zone is read
    in the reader's zone, as are its abbreviations; months are English, or as pages
    write them.  A time of day alone is the last one there was, and so is a day of the
    week; a day without a year is the last one that is not after today.

    Raises:
        NotOnceError: The reader's clock showed that twice, or never.
    """
    words = _in_english(" ".join(typed.lower().split()))
    for reading in (_written, _ago, _clock_alone, _day_first, _clock_first):
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


def refusal(typed: str) -> str:
    """Return how to write a time, to whoever typed what is none."""
    if SLASHED.fullmatch(typed.strip()):
        return _(
            "Which is the day here, and which the month? Write 2026-11-06, 6 Nov 2026"
            " or 6.11.2026."
        )
    return _("Enter a time such as 2026-11-06 15:00, yesterday 15:00 or 3pm.")


def is_meant(typed: str) -> bool:
    """Return whether somebody means a time by *typed*, understood or not."""
    if SLASHED.fullmatch(typed.strip()):
        return True
    lower = " ".join(typed.lower().split())
    words = set(re.findall(WORD, f"{lower} {_in_english(lower)}"))
    known = OF_TIMES | _names(MONTHS, MONTHS_3, MONTHS_AP).keys() | _weekdays().keys()
    return re.search(r"\d", typed) is not None and not words.isdisjoint(known)


def _names(*tables: Mapping[int, StrOrPromise]) -> dict[str, int]:
    """Return numbers by names, the reader's and the English ones."""

    def read() -> dict[str, int]:
        return {
            str(name).lower().rstrip("."): number
            for table in tables
            for number, name in table.items()
        }

    with override("en"):
        english = read()
    return english | read()


def _weekdays() -> dict[str, int]:
    return _names(WEEKDAYS, WEEKDAYS_ABBR)


def _ago(words: str, now: datetime) -> datetime | None:
    if words == "now":
        return now
    found = AGO.fullmatch(words)
    if found is None:
        return None
    return now - timedelta(**{f"{found['unit']}s": int(found["count"])})


def _clock_alone(words: str, now: datetime) -> datetime | None:
    found = CLOCK_ALONE.fullmatch(words)
    if found is None or not _is_a_clock(found):
        return None
    clock = _clock(found) or time()
    return _last(_today(found, now), clock, found["zone"], now)


def _day_first(words: str, now: datetime) -> datetime | None:
    found = DAY_FIRST.fullmatch(words)
    if found is None:
        return None
    has_clock = found["hour"] is not None
    if found["weekday"] and not (found["last"] or has_clock):
        return None  # "sun" alone is somebody's name
    no_year = (found["month"] and not found["year"]) or (
        found["us_month"] and not found["us_year"]
    )
    dotted = found["de_month"] and not found["de_year"]
    if has_clock and (no_year or dotted) and not _is_a_clock(found):
        return None  # "6 Nov 15": an hour, or a year?
    return _on_day(found, now)


def _clock_first(words: str, now: datetime) -> datetime | None:
    found = CLOCK_FIRST.fullmatch(words)
    if found is None or not _is_a_clock(found):
        return None
    return _on_day(found, now)


def _on_day(found: re.Match[str], now: datetime) -> datetime | None:
    clock, today = _clock(found) or time(), _today(found, now)
    if found["weekday"]:
        return _last_weekday(found, clock, now)
    if found["near"]:
        back = timedelta(days=found["near"] == "yesterday")
        return _at(today - back, clock, found["zone"])
    if found["iso"]:
        return _at(date.fromisoformat(found["iso"]), clock, found["zone"])
    name = found["month"] or found["us_month"]
    months = _names(MONTHS, MONTHS_3, MONTHS_AP)
    month = months.get(name, 0) if name else int(found["de_month"])
    number = int(found["day"] or found["us_day"] or found["de_day"])
    year = found["year"] or found["us_year"] or found["de_year"]
    day = date(int(year), month, number) if year else _latest(month, number, today)
    return _at(day, clock, found["zone"])


def _last_weekday(found: re.Match[str], clock: time, now: datetime) -> datetime | None:
    wanted = _weekdays().get(found["weekday"])
    if wanted is None:
        return None
    today = _today(found, now)
    back = (today.weekday() - wanted) % WEEK
    if not back and found["last"]:
        back = WEEK
    at = _at(today - timedelta(days=back), clock, found["zone"])
    if at > now:
        return _at(today - timedelta(days=WEEK), clock, found["zone"])
    return at


def _latest(month: int, number: int, today: date) -> date:
    """Return the last day of this number and month that is not after *today*.

    Raises:
        ValueError: No year has such a day.
    """
    for year in range(today.year, today.year - LEAP, -1):
        with suppress(ValueError):
            day = date(year, month, number)
            if day <= today:
                return day
    raise ValueError(month, number)


def _today(found: re.Match[str], now: datetime) -> date:
    return now.astimezone(_fixed(found["zone"]) or get_current_timezone()).date()


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
