"""What was recorded was not altered, and the proof of it is a file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from eventstore import store
from eventstore.events import RecordedEvent
from tests.backoffice import EVENTS, catch_up
from tests.browser.conftest import Desk, log_in
from tests.browser.hands import Hand, Keyboard
from tests.factories import known_user, metadata
from users import services
from users.aggregate import USER
from users.commands import ChangeName


def history() -> list[RecordedEvent]:
    user_id = known_user(name="Ada Byron")
    services.execute(ChangeName(user_id=user_id, name="Ada King"), metadata())
    catch_up()
    return store.read_stream(USER.stream(user_id))


def save_a_view(hand: Hand, email: str, name: str) -> None:
    """Keep what is filtered, and come back to it by its link."""
    page = hand.page
    page.goto(EVENTS)
    hand.write(page.locator("#filter_stream"), email)
    hand.press(page.get_by_test_id("apply"))
    hand.press(page.get_by_test_id("save-view"))
    hand.write(page.locator("#id_name"), name)
    hand.press(page.get_by_test_id("submit"))
    expect(page.locator(".messagelist")).to_have_text(f"The view “{name}” is saved.")
    page.goto(EVENTS)
    link = page.get_by_test_id("views").get_by_role("link", name=name)
    hand.press(link)
    expect(link).to_have_attribute("aria-current", "true")
    assert "example" not in page.url


def verify(hand: Hand, event: RecordedEvent) -> None:
    page = hand.page
    row = page.locator(f"#e{event.position}")
    hand.press(row.get_by_role("link", name=f"#{event.position}", exact=True))
    expect(page.get_by_test_id("event-fields")).to_contain_text("just now: fits")
    page.go_back()
    expect(row).to_be_visible()


def export(hand: Hand) -> list[bytes]:
    """Return the lines of the file of what the list shows."""
    page = hand.page
    hand.press(page.get_by_test_id("export"))
    hand.write(page.locator("#id_reason"), "OPS-412")
    hand.press(page.get_by_test_id("submit"))
    with page.expect_download() as coming:
        hand.press(page.get_by_test_id("download"))
    return Path(coming.value.path()).read_bytes().splitlines(keepends=True)


def told_by_the_log(page: Page, hand: Hand, digest: str) -> None:
    """Find the digest in an event that cannot be changed either."""
    expect(page.get_by_test_id("sha256")).to_have_text(digest)
    hand.press(page.get_by_test_id("export-event"))
    row = page.get_by_test_id("stream-events").locator("tbody tr").first
    hand.press(row.get_by_role("link").first)
    expect(page.get_by_test_id("event-data")).to_contain_text(digest)
    expect(page.get_by_test_id("event-fields")).to_contain_text("just now: fits")


@pytest.mark.parametrize("way", ["keyboard", "no script"])
def test_keep_a_view_prove_its_events_and_export_the_proof(
    desk: Desk, complaints: list[str], way: str
) -> None:
    created, renamed = history()
    page = desk(java_script_enabled=way != "no script")
    hand = Keyboard(page) if way == "keyboard" else Hand(page)
    log_in(page)
    save_a_view(hand, created.data["email"], f"Ticket {uuid4().hex[:8]}")
    for event in (renamed, created):
        verify(hand, event)
    lines = export(hand)
    rows = lines[13:]
    assert [int(row.split(b",")[0]) for row in rows] == [
        created.position,
        renamed.position,
    ]
    told_by_the_log(page, hand, sha256(b"".join(lines[12:])).hexdigest())
    assert complaints == []
