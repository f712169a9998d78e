from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone, translation

from eventstore import zones
from eventstore.admin.times import is_meant, refusal, understood
from eventstore.zones import NotOnceError

NOW = datetime(2026, 11, 6, 16, 20, 30, tzinfo=UTC)


def on(
    day: int, hour: int = 0, minute: int = 0, second: int = 0, fraction: int = 0
) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, fraction, tzinfo=UTC)


def october(hour: int, minute: int = 0) -> datetime:
    """In the night in which Berlin's clocks went back, at one o'clock UTC."""
    return datetime(2026, 10, 25, hour, minute, tzinfo=UTC)


def on_the_24th(hour: int, minute: int) -> datetime:
    return october(hour, minute) - timedelta(days=1)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-05T15:00:00Z", on(5, 15)),
        ("2026-11-05T15:00:00.5Z", on(5, 15).replace(microsecond=500_000)),
        ("2026-11-05 15:00", on(5, 15)),
        ("2026-11-05 15:00+01:00", on(5, 14)),
        (" 2026-11-05 ", on(5)),
        ("5 Nov 2026, 15:00:07 UTC", on(5, 15, 0, 7)),
        ("5 nov 2026", on(5)),
        ("15:00", on(6, 15)),
        ("17:00", on(5, 17)),
        ("3pm", on(6, 15)),
        ("12 am", on(6)),
        ("12:30 PM", on(6, 12, 30)),
        ("at 15:00 UTC", on(6, 15)),
        ("today", on(6)),
        ("today 18:00", on(6, 18)),
        ("Yesterday  3 pm", on(5, 15)),
        ("yesterday at 15:00", on(5, 15)),
        ("20 minutes ago", on(6, 16, 0, 30)),
        ("1 day ago", on(5, 16, 20, 30)),
        ("now", NOW),
        ("gestern 15:00", on(5, 15)),
        ("Gestern um 15 Uhr", on(5, 15)),
        ("heute 8:05 Uhr", on(6, 8, 5)),
        ("vor 20 Minuten", on(6, 16, 0, 30)),
        ("vor 1 Tag", on(5, 16, 20, 30)),
        ("jetzt", NOW),
        ("6 Nov", on(6)),
        ("5 Nov 15:00", on(5, 15)),
        ("5 november at 3 pm", on(5, 15)),
        ("6 Nov 18:00", on(6, 18)),
        ("7 Nov", on(7).replace(year=2025)),
        ("29 Feb", datetime(2024, 2, 29, tzinfo=UTC)),
        ("Nov 5 at 3pm", on(5, 15)),
        ("Nov 5th, 2026, 3pm UTC", on(5, 15)),
        ("November 5, 2026", on(5)),
        ("5 Sept. 2026", datetime(2026, 9, 5, tzinfo=UTC)),
        ("5.11.2026 15:00", on(5, 15)),
        ("05.11.2026", on(5)),
        ("5.11. 15:00", on(5, 15)),
        ("7.11.", on(7).replace(year=2025)),
        ("2026-11-05 3pm", on(5, 15)),
        ("3 pm yesterday", on(5, 15)),
        ("15:00 UTC on 5 Nov", on(5, 15)),
        ("last tuesday", on(3)),
        ("Tuesday 3pm", on(3, 15)),
        ("3pm last Tue", on(3, 15)),
        ("friday 16:00", on(6, 16)),
        ("friday 17:00", on(6, 17) - timedelta(days=7)),
        ("last friday", on(6) - timedelta(days=7)),
        ("5. November 2026", on(5)),
        ("5. November um 15 Uhr", on(5, 15)),
        ("15 Uhr", on(6, 15)),
        ("15.30 Uhr am Dienstag", on(3, 15, 30)),
        ("letzten Dienstag", on(3)),
        ("am Dienstag um 15 Uhr", on(3, 15)),
    ],
)
def test_understands(typed: str, meant: datetime) -> None:
    assert understood(typed, NOW) == meant


@pytest.mark.parametrize(
    ("zone", "typed", "meant"),
    [
        ("Europe/Berlin", "2026-11-05 15:00", on(5, 14)),
        ("Europe/Berlin", "2026-11-05T15:00:00Z", on(5, 15)),
        ("Europe/Berlin", "2026-11-05", on(4, 23)),
        ("Europe/Berlin", "5 Nov 2026, 15:00:07 CET", on(5, 14, 0, 7)),
        ("Europe/Berlin", "5 Nov 2026, 15:00:07.5 CET", on(5, 14, 0, 7, 500_000)),
        ("Europe/Berlin", "5 Nov 2026, 15:00 UTC", on(5, 15)),
        ("Europe/Berlin", "5 Nov 2026, 15:00 UTC+05:45", on(5, 9, 15)),
        ("Europe/Berlin", "3pm", on(6, 14)),
        ("Europe/Berlin", "17:20", on(6, 16, 20)),
        ("Europe/Berlin", "17:21", on(5, 16, 21)),
        ("Europe/Berlin", "17:00 utc", on(5, 17)),
        ("Pacific/Auckland", "today", on(6, 11)),
        ("Pacific/Auckland", "yesterday 23:00", on(6, 10)),
        ("America/New_York", "yesterday 15:00", on(5, 20)),
        ("Asia/Kathmandu", "20 minutes ago", on(6, 16, 0, 30)),
        ("Asia/Kathmandu", "5 Nov 2026, 15:00:07 UTC+05:45", on(5, 9, 15, 7)),
        ("Europe/Berlin", "25 Oct 2026, 02:30:00 CEST", october(0, 30)),
        ("Europe/Berlin", "25 Oct 2026, 02:30:00 CET", october(1, 30)),
        ("Europe/Berlin", "2026-10-25 02:30:00+01:00", october(1, 30)),
    ],
)
def test_understands_what_the_reader_s_clock_shows(
    zone: str, typed: str, meant: datetime
) -> None:
    with timezone.override(zone):
        assert understood(typed, NOW) == meant


def test_understands_months_as_the_reader_s_pages_write_them() -> None:
    with translation.override("de"), timezone.override("Europe/Berlin"):
        march = datetime(2026, 3, 5, 14, tzinfo=UTC)
        assert zones.spelled(march) == "5. Mär 2026, 15:00:00 CET"
        for typed in ("5. Mär 2026, 15:00:00 CET", "5 Mar 2026 15:00"):
            assert understood(typed, NOW) == march


@pytest.mark.parametrize(
    ("typed", "now", "meant"),
    [
        ("02:30", october(0, 20), on_the_24th(0, 30)),
        ("02:30", october(0, 40), october(0, 30)),
        ("02:30", october(1, 20), october(0, 30)),
        ("02:30", october(1, 40), None),
        ("today 02:30", october(0, 20), None),
        ("2026-10-25 02:30", october(9), None),
        ("25 oct 2026 02:30", october(9), None),
    ],
)
def test_a_time_that_came_twice_is_the_one_there_was_or_asks(
    typed: str, now: datetime, meant: datetime | None
) -> None:
    with timezone.override("Europe/Berlin"):
        if meant is not None:
            assert understood(typed, now) == meant
            return
        with pytest.raises(NotOnceError) as caught:
            understood(typed, now)
    assert caught.value.choices == (october(0, 30), october(1, 30))


@pytest.mark.parametrize(
    "typed", ["02:30", "29 mar 2026 02:30 cet", "2026-03-29 02:30"]
)
def test_a_time_that_never_came_is_told(typed: str) -> None:
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    with timezone.override("Europe/Berlin"):
        with pytest.raises(NotOnceError, match="never showed this") as caught:
            understood(typed, change + timedelta(hours=5))
        assert caught.value.choices == (change - timedelta(seconds=1), change)
        before = understood("02:30", change - timedelta(seconds=1))
    assert before == change - timedelta(hours=23, minutes=30)


@pytest.mark.parametrize(
    "typed", ["15:00 EST", "15:00 CEST", "15:00 ada", "5 Mai 2026"]
)
def test_another_zone_s_name_is_never_guessed_at(typed: str) -> None:
    with timezone.override("Europe/Berlin"):
        assert understood(typed, NOW) is None


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "15",
        "625002",
        "25:00",
        "13pm",
        "0 am",
        "31 Nov 2026",
        "2026-13-01",
        "1969-12-31",
        "3000-01-01",
        "99999 weeks ago",
        "0001-01-01T00:00+14:00",
        "tomorrow",
        "Ada Lovelace",
        "May",
        "sun",
        "tuesday",
        "last ada",
        "6.11",
        "6/11/2026",
        "6/11/2026 15:00",
        "6 Nov 15",
        "nov 6pm",
        "30 Feb",
        "0 Nov",
        "99.99.",
        "5 Nov 2026 25:00",
        "15 yesterday",
        "15:00 am Dienstag",
        "5.11.26",
    ],
)
def test_does_not_take_for_a_time(typed: str) -> None:
    assert understood(typed, NOW) is None


@pytest.mark.parametrize(
    ("typed", "is_one"),
    [
        ("6/11/2026", True),
        ("tomorrow 3pm", True),
        ("6 nov 15", True),
        ("32. November", True),
        ("25 Uhr", True),
        ("Ada Lovelace", False),
        ("April May", False),
        ("order 15", False),
        ("15", False),
    ],
)
def test_says_what_is_meant_for_a_time(typed: str, *, is_one: bool) -> None:
    assert is_meant(typed) == is_one


def test_asks_which_is_the_day_and_which_the_month() -> None:
    for typed in ("6/11/2026", "06/11 15:00"):
        assert refusal(typed) == (
            "Which is the day here, and which the month? Write 2026-11-06, 6 Nov 2026"
            " or 6.11.2026."
        )
    assert refusal("32 Nov").startswith("Enter a time such as")
