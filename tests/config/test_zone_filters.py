"""Whose 3 pm?  The reader's, on every page that takes a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from eventstore.templatetags.backoffice import instant
from tests.backoffice import (
    EVENTS,
    USERS,
    regions,
    superuser,
    text,
    user_url,
)
from tests.factories import ADA, known_user

RUNS = "/admin/projections/reprocess/"
RAW = "/admin/eventstore/rawrecord/"


def somewhere(zone: str) -> Client:
    client = superuser()
    client.cookies["zone"] = zone
    return client


def led_to(response: Any, name: str) -> str:
    """Return the instant in the address to which a page was redirected."""
    assert response.status_code == 302
    (found,) = parse_qs(urlsplit(response["Location"]).query)[name]
    return str(found)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "name"),
    [
        (EVENTS, "until"),
        (EVENTS, "around"),
        ("/admin/audit/", "since"),
        (USERS, "created_since"),
        (USERS, "updated_until"),
        (user_url(ADA), "at"),
        (user_url(ADA), "as_of"),
        (RAW, "until"),
        (f"{RUNS}new/?scope=touched", "first"),
        (f"{RUNS}new/?scope=touched", "last"),
        (f"{RUNS}new/?scope=filter", "created_until"),
    ],
)
def test_every_page_reads_a_time_on_the_reader_s_clock(url: str, name: str) -> None:
    known_user(ADA)
    client = somewhere("Asia/Kathmandu")
    joined = "&" if "?" in url else "?"
    moved = client.get(f"{url}{joined}{name}=2026-07-06+15:00")
    assert led_to(moved, name) == "2026-07-06T09:15:00Z"
    assert client.get(moved["Location"]).status_code in {200, 303}
    client.cookies["zone"] = "Europe/Berlin"
    page = client.get(f"{url}{joined}{name}=2026-10-25+02:30")
    assert page.status_code in {200, 422, 303}
    if page.status_code == 303:  # the list says so
        page = client.get(page["Location"])
    assert "The clock showed this twice" in page.content.decode()


@pytest.mark.django_db
def test_a_range_that_was_not_once_offers_both() -> None:
    page = somewhere("Europe/Berlin").get(
        f"{RUNS}new/?scope=touched&first=%237&last=2026-10-25+02:30"
    )
    assert page.status_code == 422
    (offered,) = regions(page, "choices")
    assert offered == "25 Oct 2026, 02:30:00 CEST 25 Oct 2026, 02:30:00 CET"
    place = "?scope=touched&amp;first=%237&amp;last=2026-10-25T00%3A30%3A00Z"
    assert f'href="{place}"' in page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["events&until", "users&created_since"])
def test_an_export_is_asked_for_in_utc(kind: str) -> None:
    url = f"/admin/exports/new/?kind={kind}=2026-07-06T15:00"
    page = somewhere("Asia/Kathmandu").get(url)
    assert "=2026-07-06T09:15:00" in page.content.decode()


@pytest.mark.django_db
def test_go_to_reads_the_reader_s_clock_and_asks_which() -> None:
    client = somewhere("Europe/Berlin")
    moved = client.post("/admin/goto", {"q": "2026-07-06 15:00"})
    assert moved["Location"] == f"{EVENTS}?around=2026-07-06T13%3A00%3A00Z"
    page = client.post("/admin/goto", {"q": "2026-10-25 02:30"})
    assert "showed this twice" in (text(page, "goto-refused") or "")
    assert text(page, "places") == (
        "Time 25 Oct 2026, 02:30:00 CEST Time 25 Oct 2026, 02:30:00 CET"
    )


@pytest.mark.django_db
def test_a_token_ends_with_the_reader_s_day() -> None:
    client = somewhere("Asia/Kathmandu")
    form = {"name": "crm", "scopes": ["users:read"], "reason": "x"}
    page = client.get("/admin/users/apitoken/add/")
    assert "Last day (Asia/Kathmandu)" in page.content.decode()
    form |= {"expires": "2999-01-31"}
    page = client.post("/admin/users/apitoken/add/", form, follow=True)
    assert "31 Jan 2999" not in page.content.decode()
    ends = datetime(2999, 1, 31, 18, 15, tzinfo=UTC)
    assert page.context["found"].expires_at == ends
    assert f'datetime="{ends.isoformat()}"' in page.content.decode()
    assert instant(ends) == "2999-01-31T18:15:00Z"
