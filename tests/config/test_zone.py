"""Each browser has its zone: pages show instants in it, and read what is typed so."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from eventstore import store
from eventstore.templatetags.backoffice import instant
from tests.backoffice import EVENTS, attribute, regions, superuser, text, user_url
from tests.factories import ADA, known_user
from users.aggregate import USER

pytestmark = pytest.mark.django_db
PLACE = "/admin/zone/"


def somewhere(zone: str) -> Client:
    client = superuser()
    client.cookies["zone"] = zone
    return client


def asked(client: Client, date: str, time: str) -> Any:
    return client.get(user_url(ADA), {"date": date, "time": time})


def test_a_zone_is_chosen_for_a_browser_and_leads_back() -> None:
    client = superuser()
    page = client.get(EVENTS)
    assert text(page, "zone") == "UTC"
    place = attribute(page, "reader", "href")
    assert place == f"{PLACE}?next={EVENTS}"
    answer = client.post(place, {"zone": "Asia/Kathmandu"})
    assert (answer.status_code, answer["Location"]) == (303, EVENTS)
    cookie = answer.cookies["zone"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert text(client.get(EVENTS), "zone") == "Asia/Kathmandu"
    assert text(superuser().get(EVENTS), "zone") == "UTC"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "x" * 5000])
def test_a_zone_that_is_none_is_refused_and_a_forged_cookie_is_utc(zone: str) -> None:
    assert superuser().post(PLACE, {"zone": zone}).status_code == 422
    assert text(somewhere(zone).get(EVENTS), "zone") == "UTC"


@pytest.mark.parametrize(
    ("zone", "date", "time", "meant"),
    [
        ("Europe/Berlin", "2026-07-06", "15:00", "2026-07-06T13:00:00Z"),
        ("America/New_York", "2026-07-06", "15:00", "2026-07-06T19:00:00Z"),
        ("Asia/Kathmandu", "2026-07-06", "15:00", "2026-07-06T09:15:00Z"),
        ("Australia/Lord_Howe", "2026-07-06", "15:00", "2026-07-06T04:30:00Z"),
        ("UTC", "2026-07-06", "15:00", "2026-07-06T15:00:00Z"),
        ("Australia/Lord_Howe", "2026-07-06", "", "2026-07-06T13:29:59Z"),
    ],
)
def test_a_moment_is_read_on_the_reader_s_clock_and_its_address_is_utc(
    zone: str, date: str, time: str, meant: str
) -> None:
    known_user(ADA)
    answer = asked(somewhere(zone), date, time)
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"{user_url(ADA)}?at={meant}",
    )


def test_one_link_shows_one_instant_on_two_clocks() -> None:
    known_user(ADA)
    (event,) = store.read_stream(USER.stream(ADA))
    link = f"{user_url(ADA)}?at={instant(event.recorded_at)}"
    told = {}
    for zone in ("Europe/Berlin", "America/New_York"):
        page = somewhere(zone).get(link)
        told[zone] = text(page, "tt-banner") or ""
        assert f"Time ({zone})" in (text(page, "tt-clock") or "")
        assert attribute(page, "tt-time", "value") in page.content.decode()
    assert told["Europe/Berlin"] != told["America/New_York"]


@pytest.mark.parametrize(
    ("date", "time", "said", "choices"),
    [
        (
            *("2026-10-25", "02:30", "showed this twice"),
            ["?at=2026-10-25T00:30:00Z", "?at=2026-10-25T01:30:00Z"],
        ),
        (
            *("2026-03-29", "02:30", "never showed this"),
            ["?at=2026-03-29T00:59:59Z", "?at=2026-03-29T01:00:00Z"],
        ),
    ],
)
def test_the_nights_the_clocks_change_ask_which(
    date: str, time: str, said: str, choices: list[str]
) -> None:
    known_user(ADA)
    page = asked(somewhere("Europe/Berlin"), date, time)
    assert page.status_code == 200
    assert said in (text(page, "tt-error") or "")
    assert len(regions(page, "tt-choices")) == 1
    body = page.content.decode()
    assert [each in body for each in choices] == [True, True]
    assert attribute(page, "tt-time", "value") == time
    assert asked(somewhere("UTC"), date, time).status_code == 302


def test_a_day_before_every_clock_is_refused() -> None:
    known_user(ADA)
    page = asked(somewhere("Asia/Kathmandu"), "0001-01-01", "00:00")
    assert text(page, "tt-error") == "No log goes that far."


def test_the_zone_is_asked_for_until_one_is_chosen_and_the_language_stays() -> None:
    client = superuser()
    client.cookies["django_language"] = "de"
    asked_for = attribute(client.get(EVENTS), "zone-question", "action")
    assert asked_for == f"{PLACE}?next={EVENTS}"
    answer = client.post(asked_for, {"zone": "UTC"})
    assert (answer.status_code, answer["Location"]) == (303, EVENTS)
    assert "django_language" not in answer.cookies
    assert "zone-question" not in client.get(EVENTS).content.decode()
    assert "zone-question" not in Client().get("/admin/login/").content.decode()
