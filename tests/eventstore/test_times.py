from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eventstore.admin.times import understood

NOW = datetime(2026, 11, 6, 16, 20, 30, tzinfo=UTC)


def on(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


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
    ],
)
def test_understands(typed: str, meant: datetime) -> None:
    assert understood(typed, NOW) == meant


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
    ],
)
def test_does_not_take_for_a_time(typed: str) -> None:
    assert understood(typed, NOW) is None
