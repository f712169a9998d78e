from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from eventstore.admin import strip
from eventstore.admin.strip import Strip
from eventstore.searching import EventFilter
from projections import streams
from tests.backoffice import EVENTS, regions, superuser, text
from tests.factories import NOON, recorded, renamed, user_created

HOUR = timedelta(hours=1)
NOW = NOON + timedelta(minutes=20)
LOG = [
    recorded(user_created(), stream="user-1", position=1),
    recorded(renamed(), stream="user-1", version=2, position=2, source="admin"),
    recorded(
        user_created(), stream="user-2", position=3, recorded_at=NOON - 1.5 * HOUR
    ),
    recorded(
        user_created(), stream="user-3", position=4, recorded_at=NOON - 40 * 24 * HOUR
    ),
]


def nothing(
    since: datetime, until: datetime, *, types: Sequence[str], sources: Sequence[str]
) -> dict[datetime, int]:
    del since, until, types, sources
    return {}


def of(**asked: Any) -> Strip:
    found = strip.of(EventFilter(**asked), streams.by_hour, NOW)
    assert found is not None
    return found


def counts(found: Strip) -> list[tuple[datetime, int]]:
    return [(bar.begins_at, bar.events) for bar in found.bars if bar.events]


@pytest.fixture
def counted(db: None) -> None:
    del db
    streams.apply(LOG)


@pytest.mark.usefixtures("counted")
def test_tells_of_the_last_day_where_no_time_is_asked_for() -> None:
    found = of()
    assert counts(found) == [(NOON - 2 * HOUR, 1), (NOON, 2)]
    assert (len(found.bars), found.most, found.total) == (24, 2, 3)
    assert found.bars[-1].ends_at == NOON + HOUR
    assert (found.is_by_day, found.is_cut, found.is_wider) == (False, False, False)


@pytest.mark.usefixtures("counted")
def test_counts_by_type_and_source_and_says_what_it_cannot_count() -> None:
    assert counts(of(sources=["admin"])) == [(NOON, 1)]
    assert of(sources=["admin", "rest"]).total == 3
    assert of(types=["UserCreated"]).total == 2
    assert of(types=["UserCreated", "UserNameChanged"]).total == 3
    assert of(types=["Nothing"]).most == 0
    for asked in (
        {"streams": ["user-1"]},
        {"actors": ["staff:ada"]},
        {"correlation_id": LOG[0].correlation_id},
    ):
        assert (of(**asked).total, of(**asked).is_wider) == (3, True)


@pytest.mark.usefixtures("counted")
def test_holds_the_whole_hours_of_what_is_asked_for_and_none_to_come() -> None:
    begin, end = NOON - 1.25 * HOUR, NOON - 0.75 * HOUR
    found = of(since=begin, until=end)
    assert [bar.begins_at for bar in found.bars] == [NOON - 2 * HOUR, NOON - HOUR]
    whole = of(since=NOON - HOUR, until=NOON)
    assert [bar.begins_at for bar in whole.bars] == [NOON - HOUR]
    ahead = of(since=NOON, until=NOON + 99 * HOUR)
    assert [bar.begins_at for bar in ahead.bars] == [NOON]


@pytest.mark.usefixtures("counted")
def test_tells_long_times_by_day_and_no_more_than_31_of_them() -> None:
    assert not of(since=NOON - 71 * HOUR).is_by_day
    assert of(since=NOON - 72 * HOUR).is_by_day
    found = of(since=datetime(1, 1, 1, tzinfo=UTC))
    assert (found.is_cut, found.total) == (True, 3)
    assert found.bars[0].begins_at == NOON + HOUR - 31 * 24 * HOUR


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "UTC"])
def test_days_are_those_of_the_reader_and_no_hour_is_lost(zone: str) -> None:
    with timezone.override(ZoneInfo(zone)):
        found = of(since=NOON - 30 * 24 * HOUR)
        days = [timezone.localtime(bar.begins_at).date() for bar in found.bars]
    assert days == sorted(set(days))
    assert all(
        left.ends_at == right.begins_at
        for left, right in zip(found.bars, found.bars[1:], strict=False)
    )
    assert found.total == 3


def test_the_night_that_has_an_hour_twice_has_25() -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        asked = EventFilter(
            since=datetime(2026, 10, 20, tzinfo=UTC),
            until=datetime(2026, 10, 28, tzinfo=UTC),
        )
        found = strip.of(asked, nothing, datetime(2027, 1, 1, tzinfo=UTC))
        assert found is not None
        lengths = {bar.label: bar.ends_at - bar.begins_at for bar in found.bars}
    assert lengths["25 Oct 2026, 00:00 CEST"] == 25 * HOUR
    assert lengths["26 Oct 2026, 00:00 CET"] == 24 * HOUR


@pytest.mark.parametrize(
    "asked",
    [
        {"since": NOW + HOUR},
        {"since": NOON, "until": NOON - HOUR},
        {"since": datetime.max.replace(tzinfo=UTC)},
        {"until": datetime.min.replace(tzinfo=UTC)},
        {"until": datetime.min.replace(tzinfo=UTC) + HOUR},
    ],
)
def test_there_is_none_of_no_time(asked: dict[str, Any]) -> None:
    assert strip.of(EventFilter(**asked), nothing, NOW) is None


@pytest.mark.usefixtures("counted")
def test_the_page_leads_from_each_bar_to_its_events() -> None:
    client = superuser()
    client.cookies["zone"] = "Europe/Berlin"
    query = {"since": "2026-11-05T00:00:00Z", "until": "2026-11-07T00:00:00Z"}
    page = client.get(EVENTS, {**query, "source": "rest", "actor": "x", "before": "9"})
    said = text(page, "strip-table") or ""
    begins, bar = (
        "5 Nov 2026, 01:00 CET",
        strip.Bar(begins_at=NOON, ends_at=NOON + HOUR, events=1),
    )
    with timezone.override(ZoneInfo("Europe/Berlin")):
        label = bar.label
    assert begins in said
    assert f"{label} : 1" in said
    link = (
        f"?since={NOON:%Y-%m-%dT%H}%3A00%3A00Z"
        f"&amp;until={NOON + HOUR:%Y-%m-%dT%H}%3A00%3A00Z&amp;source=rest&amp;actor=x"
    )
    assert page.content.decode().count(f'"{link}"') == 2
    assert "Of all streams, actors and conversations" in (
        text(page, "strip-says") or ""
    )
    assert (
        regions(client.get(EVENTS, {"around": "2026-11-06T15:00:00Z"}), "strip") == []
    )
