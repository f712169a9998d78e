from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from django.utils import timezone as clock

from eventstore.templatetags import backoffice
from tests.factories import NOON


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(minutes=59, seconds=30), "59 minutes ago"),
        (timedelta(minutes=61), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(hours=25), "1 day ago"),
        (timedelta(days=12, hours=1), "12 days ago"),
        (timedelta(days=59, hours=1), "59 days ago"),
        (timedelta(days=800), "2\xa0years ago"),
    ],
)
def test_says_how_long_ago_in_one_unit(age: timedelta, words: str) -> None:
    assert backoffice.ago(clock.now() - age) == words


def test_a_time_for_reading_says_its_zone() -> None:
    assert backoffice.moment(NOON) == (
        '<time datetime="2026-11-06T12:00:00Z">6 Nov 2026, 12:00:00 UTC</time>'
    )


def test_a_time_in_an_address_is_utc() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    assert backoffice.instant(NOON.astimezone(nepal)) == "2026-11-06T12:00:00Z"


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada", "A"),
        ("grace brewster hopper", "GH"),
        ("李小龍", "李"),
        ("", ""),
    ],
)
def test_initials_are_those_of_the_first_and_the_last_word(
    name: str, letters: str
) -> None:
    assert backoffice.initials(name) == letters


def test_json_is_sorted_and_indented() -> None:
    assert backoffice.pretty({"b": 1, "a": "é"}) == '{\n  "a": "é",\n  "b": 1\n}'


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "0 ms"),
        (timedelta(microseconds=12_345), "12 ms"),
        (timedelta(milliseconds=-3), "-3 ms"),
        (timedelta(seconds=1.26), "1.3 s"),
        (timedelta(minutes=3, seconds=4), "3 min 4 s"),
        (timedelta(hours=5, minutes=6, seconds=7), "5 h 6 min"),
        (timedelta(days=2, hours=3, minutes=59), "2 d 3 h"),
    ],
)
def test_a_duration_in_the_units_that_matter(duration: timedelta, words: str) -> None:
    assert backoffice.elapsed(duration) == words
