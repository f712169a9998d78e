"""Whose 3 pm?  The reader's, from what is typed to what is copied."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.test import Client

from eventstore.archive.importing import import_events
from tests.backoffice import EVENTS, attribute, superuser, text
from tests.eventstore.test_archive import line

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")

ZONES = {
    "Europe/Berlin": ("2026-07-06T13:00:00Z", "6 Jul 2026, 15:00:00 CEST"),
    "America/New_York": ("2026-07-06T19:00:00Z", "6 Jul 2026, 15:00:00 EDT"),
    "Asia/Kathmandu": ("2026-07-06T09:15:00Z", "6 Jul 2026, 15:00:00 UTC+05:45"),
    "Australia/Lord_Howe": ("2026-07-06T04:30:00Z", "6 Jul 2026, 15:00:00 UTC+10:30"),
    "UTC": ("2026-07-06T15:00:00Z", "6 Jul 2026, 15:00:00 UTC"),
}
# Two clock times that came twice and two that never came, and what they may mean.
NIGHTS = [
    (
        *("Europe/Berlin", "2026-10-25T02:30", "showed this twice"),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
    ),
    (
        *("America/New_York", "2026-11-01T01:30", "showed this twice"),
        ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"],
    ),
    (
        *("Australia/Lord_Howe", "2026-04-05T01:45", "showed this twice"),
        ["2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"],
    ),
    (
        *("Europe/Berlin", "2026-03-29T02:30", "never showed this"),
        ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"],
    ),
    (
        *("Australia/Lord_Howe", "2026-10-04T02:15", "never showed this"),
        ["2026-10-03T15:29:59Z", "2026-10-03T15:30:00Z"],
    ),
]


def somewhere(zone: str) -> Client:
    client = superuser()
    client.cookies["zone"] = zone
    return client


def recorded(*instants: str) -> None:
    """One event at each of these."""
    import_events(
        [
            line(stream=f"user-{number}", recorded_at=each, occurred_at=each)
            for number, each in enumerate(instants)
        ]
    )


def in_field(page: Any) -> str:
    shown = re.search('name="since" value="([^"]*)"', page.content.decode())
    assert shown
    return shown[1]


def found(page: Any) -> list[str]:
    return [f"{event.recorded_at:%FT%TZ}" for event in page.context["found"].events]


def test_what_is_typed_is_read_and_shown_on_the_reader_s_clock() -> None:
    recorded(*(meant for meant, _shown in ZONES.values()))
    typed = "2026-07-06T15:00"
    for zone, (meant, shown) in ZONES.items():
        client = somewhere(zone)
        moved = client.get(EVENTS, {"since": typed, "before": "9"})
        assert moved["Location"] == f"{EVENTS}?since={quote(meant, safe='')}"
        page = client.get(moved["Location"])
        assert found(page)[-1] == meant  # the first that is not left out
        assert f"From ({zone})" in (text(page, "filters") or "")
        assert f'value="{typed}:00"' in page.content.decode()
        assert f"From: {shown}" in (text(page, "chips") or "")
        assert f" {shown} " in (text(page, "events-table") or "")
        copied = attribute(page, "copy-link", "data-copy-link")
        assert parse_qs(urlsplit(copied).query) == {"since": [meant]}
        before = client.get(EVENTS, {"until": typed}, follow=True)
        assert set(found(page)) | set(found(before)) == {m for m, _s in ZONES.values()}
        assert meant not in found(before)


def test_a_time_that_was_not_once_asks_which_and_keeps_the_rest() -> None:
    recorded(*(choices[1] for _zone, _typed, _said, choices in NIGHTS))
    for zone, typed, said, choices in NIGHTS:
        client = somewhere(zone)
        page = client.get(EVENTS, {"since": typed, "source": "rest"})
        assert said in (text(page, "filters") or "")
        assert f'type="text" name="since" value="{typed}"' in page.content.decode()
        for each in choices:
            place = f"?since={quote(each, safe='')}&amp;source=rest"
            assert f'href="{place}"' in page.content.decode()
            meant = client.get(EVENTS, {"since": each})
            assert choices[1] in found(meant)
            again = client.get(EVENTS, {"since": in_field(meant)})
            assert again["Location"] == f"{EVENTS}?since={quote(each, safe='')}"
        elsewhere = somewhere("UTC").get(EVENTS, {"since": typed})
        assert elsewhere["Location"] == f"{EVENTS}?since={quote(typed, safe='')}%3A00Z"
