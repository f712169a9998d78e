from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Desk, log_in
from tests.browser.test_tail import SET_HIDDEN
from tests.factories import appended, user_created

INDEX = "/admin/"
ROUND = 10_000  # milliseconds between two questions


def test_updates_by_itself_but_never_what_is_looked_at_nor_what_is_paused(
    desk: Desk, complaints: list[str]
) -> None:
    appended("user-1", user_created())
    page = desk()
    page.clock.install()
    log_in(page)
    page.goto(f"{INDEX}?span=48h")
    stored, latest = (
        page.get_by_test_id("events-stored"),
        page.locator("#latest-events"),
    )
    before = int(stored.inner_text())
    link = latest.get_by_role("link").first
    link.focus()
    place = link.bounding_box()
    appended("user-2", user_created())
    page.clock.run_for(ROUND)
    expect(stored).to_have_text(str(before + 1))
    expect(link).to_be_focused()
    assert link.bounding_box() == place
    expect(latest.get_by_role("listitem")).to_have_count(1)
    page.get_by_test_id("live").click()
    expect(page).to_have_url(f"{INDEX}?span=48h&live=off")
    expect(latest.get_by_role("listitem")).to_have_count(2)
    one_hour = page.get_by_test_id("span-1h")
    expect(one_hour).to_have_attribute("href", "?span=1h&live=off")
    appended("user-3", user_created())
    page.clock.run_for(3 * ROUND)
    expect(stored).to_have_text(str(before + 1))
    page.reload()
    expect(page.get_by_test_id("live")).to_have_attribute("aria-pressed", "true")
    assert complaints == []


def test_asks_nothing_while_nobody_looks_and_stops_when_the_session_ends(
    desk: Desk, complaints: list[str]
) -> None:
    page = desk()
    page.clock.install()
    log_in(page)
    page.goto(INDEX)
    stored = page.get_by_test_id("events-stored")
    before = int(stored.inner_text())
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.headers.get("x-asked-by", "")))
    page.evaluate(SET_HIDDEN, arg=True)
    page.clock.run_for(5 * ROUND)
    assert "page" not in asked
    appended("user-4", user_created())
    page.evaluate(SET_HIDDEN, arg=False)
    page.clock.run_for(ROUND)
    expect(stored).to_have_text(str(before + 1))
    page.context.clear_cookies()
    page.clock.run_for(ROUND)
    expect(page.get_by_test_id("live-said")).to_contain_text("have stopped")
    expect(page.get_by_test_id("live")).to_have_attribute("aria-pressed", "true")
    assert complaints == []
