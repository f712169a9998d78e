from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from eventstore import zones
from eventstore.templatetags import backoffice
from eventstore.zones import NotOnceError

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
NEPAL, LORD_HOWE = "Asia/Kathmandu", "Australia/Lord_Howe"
FIVE = (BERLIN, NEW_YORK, NEPAL, LORD_HOWE, "UTC")


@pytest.fixture(autouse=True)
def utc_afterwards() -> Iterator[None]:
    yield
    timezone.deactivate()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        (BERLIN, "6 Nov 2026, 16:00:00 CET"),
        (NEW_YORK, "6 Nov 2026, 10:00:00 EST"),
        (NEPAL, "6 Nov 2026, 20:45:00 UTC+05:45"),
        (LORD_HOWE, "7 Nov 2026, 02:00:00 UTC+11:00"),
        ("UTC", "6 Nov 2026, 15:00:00 UTC"),
    ],
)
def test_an_instant_is_shown_and_read_in_each_zone(zone: str, shown: str) -> None:
    instant = utc("2026-11-06T15:00:00")
    timezone.activate(ZoneInfo(zone))
    assert zones.spelled(instant) == shown
    said = '"2026-11-06T15:00:00+00:00" title="2026-11-06 15:00:00 UTC"'
    if zone == "UTC":  # no tip would say more
        said = '"2026-11-06T15:00:00Z"'
    assert backoffice.moment(instant) == f"<time datetime={said}>{shown}</time>"
    on_the_clock = timezone.localtime(instant).replace(tzinfo=None)
    assert zones.at(on_the_clock) == instant


@pytest.mark.parametrize(
    ("zone", "typed", "first", "second", "said"),
    [
        (
            *(BERLIN, "2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T01:30"),
            "25 Oct 2026, 02:30:00 CEST and 25 Oct 2026, 02:30:00 CET",
        ),
        (
            *(NEW_YORK, "2026-11-01T01:30", "2026-11-01T05:30", "2026-11-01T06:30"),
            "1 Nov 2026, 01:30:00 EDT and 1 Nov 2026, 01:30:00 EST",
        ),
        (
            *(LORD_HOWE, "2026-04-05T01:45", "2026-04-04T14:45", "2026-04-04T15:15"),
            "5 Apr 2026, 01:45:00 UTC+11:00 and 5 Apr 2026, 01:45:00 UTC+10:30",
        ),
    ],
)
def test_an_hour_that_came_twice_asks_which(
    zone: str, typed: str, first: str, second: str, said: str
) -> None:
    timezone.activate(ZoneInfo(zone))
    with pytest.raises(NotOnceError) as caught:
        zones.at(datetime.fromisoformat(typed))
    assert str(caught.value) == f"The clock showed this twice: {said}. Which?"
    assert caught.value.choices == (utc(first), utc(second))
    shown = [zones.spelled(each) for each in caught.value.choices]
    assert len(set(shown)) == 2


@pytest.mark.parametrize(
    ("zone", "typed", "change", "said"),
    [
        (
            *(BERLIN, "2026-03-29T02:30", "2026-03-29T01:00:00"),
            "29 Mar 2026, 01:59:59 CET to 29 Mar 2026, 03:00:00 CEST",
        ),
        (
            *(NEW_YORK, "2026-03-08T02:00", "2026-03-08T07:00:00"),
            "8 Mar 2026, 01:59:59 EST to 8 Mar 2026, 03:00:00 EDT",
        ),
        (
            *(LORD_HOWE, "2026-10-04T02:29:59.9", "2026-10-03T15:30:00"),
            "4 Oct 2026, 01:59:59 UTC+10:30 to 4 Oct 2026, 02:30:00 UTC+11:00",
        ),
    ],
)
def test_an_hour_that_never_came_names_the_nearest_times(
    zone: str, typed: str, change: str, said: str
) -> None:
    timezone.activate(ZoneInfo(zone))
    with pytest.raises(NotOnceError) as caught:
        zones.at(datetime.fromisoformat(typed))
    assert f"it went from {said}. These are the nearest times." in str(caught.value)
    choices = (utc(change) - timedelta(seconds=1), utc(change))
    assert caught.value.choices == choices


@given(
    zone=st.sampled_from(FIVE),
    seconds=st.integers(365 * 86_400, 66 * 365 * 86_400),  # 1971 to 2035
)
def test_what_is_shown_can_be_typed_again(zone: str, seconds: int) -> None:
    known = datetime.fromtimestamp(seconds, UTC)
    with timezone.override(ZoneInfo(zone)):
        clock = timezone.localtime(known).replace(tzinfo=None, fold=0)
        try:
            meant: Sequence[datetime] = [zones.at(clock)]
        except NotOnceError as error:
            meant = error.choices
    assert known in meant


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        (BERLIN, date(2026, 3, 29), "2026-03-28T23:00:00"),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00:00"),  # at one o'clock
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00"),  # twice midnight
    ],
)
def test_a_day_begins_once_even_where_midnight_does_not(
    zone: str, day: date, begins: str
) -> None:
    timezone.activate(ZoneInfo(zone))
    assert zones.beginning(day) == utc(begins)


def test_an_instant_beyond_every_clock_is_shown_in_utc() -> None:
    timezone.activate(ZoneInfo(NEPAL))
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert zones.spelled(last) == "31 Dec 9999, 23:59:00 UTC"
    with pytest.raises(OverflowError):
        zones.at(datetime(1, 1, 1, 0, 0))  # noqa: DTZ001 - what somebody types
