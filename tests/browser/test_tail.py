from __future__ import annotations

from playwright.sync_api import expect

from tests.backoffice import EVENTS
from tests.browser.conftest import Desk, log_in
from tests.factories import appended, renamed, user_created

# No tool hides a tab for a test; the page is told what a browser tells it then.
SET_HIDDEN = """hidden => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""
TAIL = "tail=1"
ROUND = 2_000  # milliseconds between two questions


def test_tells_what_came_and_moves_nothing_until_it_is_clicked(
    desk: Desk, complaints: list[str]
) -> None:
    appended("user-1", user_created())
    page = desk()
    page.clock.install()
    log_in(page)
    page.goto(f"{EVENTS}?stream=user-1&source=rest")
    tail, said = page.get_by_test_id("tail"), page.get_by_test_id("tail-said")
    rows = page.locator("#found tr[data-row]")
    expect(tail).to_have_attribute("aria-pressed", "false")
    tail.click()
    appended("user-1", renamed(), renamed(), expected_version=1)
    page.clock.run_for(ROUND)
    expect(said).to_have_text("2 new events")
    expect(rows).to_have_count(1)
    page.get_by_test_id("tail-show").click()
    expect(page.locator("#found tr.fresh")).to_have_count(2)
    expect(rows).to_have_count(3)
    expect(page.get_by_test_id("tail-show")).to_be_hidden()
    expect(tail).to_be_focused()
    appended("user-1", renamed(), expected_version=3)
    appended("user-2")
    page.clock.run_for(ROUND)
    expect(said).to_have_text("1 new event")
    assert complaints == []


def test_asks_nothing_while_nobody_looks_and_stops_when_the_session_ends(
    desk: Desk, complaints: list[str]
) -> None:
    page = desk()
    page.clock.install()
    log_in(page)
    page.goto(f"{EVENTS}?source=rest")
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.clock.run_for(5 * ROUND)
    page.get_by_test_id("tail").click()
    page.evaluate(SET_HIDDEN, arg=True)
    page.clock.run_for(5 * ROUND)
    assert [url for url in asked if TAIL in url] == []
    appended("user-3")
    page.evaluate(SET_HIDDEN, arg=False)
    page.clock.run_for(ROUND)
    expect(page.get_by_test_id("tail-said")).to_have_text("1 new event")
    (once,) = [url for url in asked if TAIL in url]
    assert f"?source=rest&{TAIL}&after=" in once
    page.context.clear_cookies()
    page.clock.run_for(ROUND)
    expect(page.get_by_test_id("tail-said")).to_contain_text("has stopped")
    expect(page.get_by_test_id("tail")).to_have_attribute("aria-pressed", "false")
    assert complaints == []
