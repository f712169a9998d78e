"""The chart of the dashboard: every span, its table, and what it costs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from eventstore import newest
from eventstore.admin import chart
from eventstore.models import StoredEvent
from eventstore.zones import COOKIE
from projections import activity
from projections.models import Activity
from tests.backoffice import regions, superuser, text
from tests.factories import appended, renamed, user_created

INDEX = "/admin/"
NOON = datetime(2026, 10, 25, 12, 34, tzinfo=UTC)
HOUR = timedelta(hours=1)


def count(hour: datetime, source: str, events: int, type_name: str = "A") -> None:
    bucket = Activity.objects.count() % 16
    Activity.objects.create(
        hour=hour,
        source=source,
        type=type_name,
        bucket=bucket,
        events=events,
        position=1,
    )


def drawn(name: str, now: datetime = NOON) -> chart.Chart:
    return chart.of(chart.span_named(name), activity.by_source, now)


def in_zone(name: str) -> Client:
    client = superuser()
    client.cookies[COOKIE] = name
    return client


@pytest.mark.django_db
def test_adds_types_and_buckets_up_and_stacks_the_sources_in_one_order() -> None:
    this = NOON.replace(minute=0)
    count(this - 23 * HOUR, "salesforce", 30)
    count(this - 24 * HOUR, "rest", 99)  # before the first bar
    count(this, "salesforce", 5)
    count(this, "rest", 10)
    count(this, "rest", 2, "B")
    count(this, "newcomer", 1)
    found = drawn("24h")
    assert found.sources == [("rest", 12), ("salesforce", 35), ("newcomer", 1)]
    assert (found.total, found.top, found.half) == (48, 30, 15)
    assert [bar.events for bar in found.bars] == [30, *[0] * 22, 18]
    last = found.bars[-1]
    assert last.counts == [12, 5, 1]
    assert [(s.source, s.y, s.height) for s in last.segments] == [
        ("rest", "60.000", "40.000"),
        ("salesforce", "43.333", "16.667"),
        ("newcomer", "40.000", "3.333"),
    ]
    assert (last.begins_at, last.ends_at) == (this, this + HOUR)


@pytest.mark.django_db
def test_a_day_is_the_readers_also_when_the_clock_changes() -> None:
    with timezone.override("Europe/Berlin"):
        midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)
        count(midnight - HOUR, "rest", 1)  # the day before
        for n in range(25):  # a day of 25 hours
            count(midnight + n * HOUR, "rest", 1)
        found = drawn("30d", midnight + 30 * HOUR)
        days = [(bar.label, bar.events) for bar in found.bars[-3:]]
        assert days == [("24 Oct 2026", 1), ("25 Oct 2026", 25), ("26 Oct 2026", 0)]
        assert found.bars[-2].begins_at == midnight
        assert found.bars[-2].ends_at == midnight + 25 * HOUR
        assert len(found.bars) == 30


@pytest.mark.parametrize(
    ("most", "top"),
    [
        (0, 2),
        (1, 2),
        (3, 4),
        (9, 10),
        (10, 10),
        (11, 12),
        (25, 30),
        (999, 1000),
        (2001, 2400),
    ],
)
def test_the_axis_ends_at_a_round_and_even_number(most: int, top: int) -> None:
    assert chart.top_of(most) == top


@pytest.mark.django_db
def test_minutes_are_counted_in_the_log_and_say_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        appended(f"user-{uuid4()}", user_created(), renamed())
    last = StoredEvent.objects.latest("position").recorded_at
    minute = last.replace(second=0, microsecond=0)
    found = drawn("1h", last)
    assert (found.total, found.most, len(found.bars)) == (6, None, 60)
    assert sum(bar.events for bar in found.bars[-2:]) == 6
    counted, since = newest.by_minute(last - HOUR, most=6)
    assert (counted, since) == ({}, minute + timedelta(minutes=1))
    assert newest.by_minute(last - HOUR, most=7)[1] is None
    monkeypatch.setattr(chart, "MOST_READ", 6)
    found = drawn("1h", last)
    assert (found.total, found.most, found.bars) == (0, 6, [])
    said = text(superuser().get(f"{INDEX}?span=1h"), "recent-none") or ""
    assert said.startswith("More than 6 events came in this minute")


def tables(page: Any) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page.content.decode(), re.DOTALL)
    cells = [re.findall(r'class="num">([^<]*)</t', row) for row in rows]
    return [row for row in cells if row]


@pytest.mark.django_db
def test_the_table_has_the_numbers_of_the_chart_and_the_readers_times() -> None:
    this = timezone.now().replace(minute=0, second=0, microsecond=0)
    count(this, "rest", 1_200)
    count(this - 47 * HOUR, "<i>x", 1)
    page = in_zone("Asia/Kathmandu").get(f"{INDEX}?span=48h&table=1")
    rows = tables(page)
    assert rows[0] == ["REST API", "&lt;i&gt;x", "All"]
    assert rows[1] == ["0", "1", "1"]
    assert rows[48] == ["1,200", "0", "1,200"]
    # The zone is three quarters of an hour away from UTC's hours, and the axis says so.
    assert re.findall(r"<text[^>]*>\d\d:(\d\d)</text>", page.content.decode()) == (
        ["45"] * 4
    )
    assert regions(page, "as-chart") == ["Hide the table"]
    shown = in_zone("Asia/Kathmandu").get(f"{INDEX}?span=48h")
    assert regions(shown, "chart-table") == []
    assert text(shown, "recent-total") == "1,201 events"
    assert 'href="?span=48h&amp;table=1"' in shown.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["", "?span=", "?span=9y", "?span=1h%00&table=x"])
def test_what_is_no_span_is_a_day(asked: str) -> None:
    count(timezone.now().replace(minute=0, second=0, microsecond=0), "rest", 1)
    page = superuser().get(f"{INDEX}{asked}")
    assert page.status_code == 200
    assert page.content.decode().count('<rect class="all"') == 24
