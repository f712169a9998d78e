"""What other systems sent, looked at in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.test import override_settings
from playwright.sync_api import expect

from eventstore.intake import inbox
from tests.browser.conftest import Desk, log_in
from tests.factories import known_user
from tests.intake import ADA, SECRET, receive, work

LIST = "/admin/eventstore/rawrecord/"
QUARANTINE = "/admin/eventstore/quarantine/"
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 5
SOURCES = {"crm": {"mapper": "people", "secrets": [SECRET]}}
WIDE = {"id": LONG, "name": "<script>alert(1)</script>", "email": "ada@example.com"}


@pytest.fixture(scope="module", autouse=True)
def letters(server: str) -> Iterator[list[str]]:
    """One record of each kind; yields the addresses of their pages."""
    del server
    known_user(email="ada@example.com")
    with override_settings(INGEST_SOURCES=SOURCES):
        headers = {"user-agent": LONG, "webhook-id": LONG}
        stuck = receive(WIDE, key=LONG, headers=headers, verified_by="standard")
        receive(WIDE | {"name": "أحمد بن محمد"})
        good = receive(ADA | {"email": "b@example.com"})
        receive(json.dumps([1]).encode())
        work()
        (group, *_others) = inbox.groups()
        yield [
            LIST,
            f"{LIST}{stuck}/",
            f"{LIST}{good}/",
            QUARANTINE,
            f"{QUARANTINE}{group.fingerprint}/retry/",
        ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_pages_obey_the_policy_and_fit(
    desk: Desk, complaints: list[str], letters: list[str], scheme: str, width: int
) -> None:
    page = desk(color_scheme=scheme, viewport={"width": width, "height": 844})
    log_in(page)
    sideways = []
    for url in letters:
        answer = page.goto(url)
        assert answer is not None
        assert answer.status == 200
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            sideways.append(url)
    page.goto(letters[1])
    page.get_by_test_id("reveal").click()
    expect(page.get_by_test_id("body")).to_contain_text("<script>alert(1)</script>")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        sideways.append("the body")
    assert (complaints, sideways) == ([], [])


def test_a_stuck_record_is_skipped_with_a_reason(
    desk: Desk, complaints: list[str], letters: list[str]
) -> None:
    page = desk()
    log_in(page)
    page.goto(letters[1])
    page.get_by_test_id("skip").click()
    assert page.url.endswith(letters[1])
    page.fill("#id_reason", "a double")
    page.get_by_test_id("skip").click()
    expect(page.locator("body")).to_contain_text("What waited behind it goes on.")
    expect(page.locator("h1")).to_contain_text("Skipped")
    assert complaints == []
