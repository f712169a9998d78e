"""The panel that asks about a moment in words, and what is said of clocks."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from eventstore import store
from tests.backoffice import attribute, regions, superuser, text, user_url
from tests.factories import ADA, appended, known_user
from users.aggregate import USER

pytestmark = pytest.mark.django_db
ASKED = "at=2026-11-06T14:00:00Z"


@pytest.mark.parametrize("typed", ["3pm", "yesterday 15:00", "2026-11-06 15:00+01:00"])
def test_words_become_an_address_and_the_field_says_what_it_understood(
    typed: str,
) -> None:
    known_user(ADA)
    client = superuser()
    moved = client.get(user_url(ADA), {"at": typed})
    assert moved.status_code == 302
    place = moved.headers["Location"]
    assert place.startswith(f"{user_url(ADA)}?at=")
    page = client.get(place)
    shown = attribute(page, "tt-at", "value")
    assert shown in (text(page, "tt-banner") or "")
    assert client.get(user_url(ADA), {"at": shown}).headers["Location"] == place


def test_what_was_understood_is_told_in_both_zones() -> None:
    known_user(ADA)
    client = superuser()
    assert regions(client.get(f"{user_url(ADA)}?{ASKED}"), "tt-echo") == []
    client.cookies["zone"] = "Europe/Berlin"
    page = client.get(f"{user_url(ADA)}?{ASKED}")
    both = "6 Nov 2026, 15:00:00 CET = 6 Nov 2026, 14:00:00 UTC"
    assert text(page, "tt-echo") == both
    assert "When (Europe/Berlin)" in (text(page, "tt-words") or "")


@pytest.mark.parametrize("typed", ["soon", "<b>3pm</b>", "25:00", "x" * 200, "0"])
def test_words_without_sense_stay_in_the_field(typed: str) -> None:
    known_user(ADA)
    page = superuser().get(user_url(ADA), {"at": typed})
    assert attribute(page, "tt-at", "value") == typed
    assert attribute(page, "tt-at", "aria-invalid") == "true"
    assert len(regions(page, "tt-error")) == 1
    assert "<b>3pm" not in page.content.decode()


def test_the_last_event_then_is_led_to() -> None:
    known_user(ADA)
    page = superuser().get(user_url(ADA) + "?v=1")
    assert attribute(page, "tt-last", "href") == "#v1"
    assert attribute(page, "state-after", "href") == "?v=1"
    assert regions(superuser().get(user_url(ADA)), "tt-last") == []


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (timedelta(hours=2, minutes=1), "occurred 2 h"),
        (timedelta(seconds=30), None),
        (-timedelta(days=300), None),
    ],
)
def test_an_event_that_occurred_after_it_was_recorded_is_a_warning(
    by: timedelta, said: str | None
) -> None:
    about = appended(USER.stream(ADA), occurred_at=timezone.now() + by)
    client = superuser()
    event = f"/admin/eventstore/event/{about.position}/"
    for place in (user_url(ADA), event):
        told = text(client.get(place), "ahead")
        if said is None:
            assert told is None
        else:
            assert told is not None
            assert told.startswith(f"Clock {said}")
            assert told.endswith("after it was recorded")


def test_the_state_tab_says_sources_and_times_as_the_reader_does() -> None:
    known_user(ADA)
    (event,) = store.read_stream(USER.stream(ADA))
    client = superuser()
    client.cookies["zone"] = "Europe/Berlin"
    page = client.get(user_url(ADA) + "?tab=explain")
    value = (text(page, "derived-created_at") or "").split("#")[0]
    assert value.split(" ", 1)[1].strip().endswith(("CET", "CEST"))
    assert "." not in value
    state = client.get(user_url(ADA) + "?tab=state")
    assert (text(state, "state-source") or "").startswith("source — REST API")
    assert event.recorded_at.tzinfo is UTC
