from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, expect

from eventstore import store
from eventstore.events import RecordedEvent
from eventstore.templatetags.backoffice import instant
from tests.backoffice import EVENTS, catch_up, user_url
from tests.browser.conftest import Desk, log_in
from tests.factories import known_user, metadata
from users import services
from users.aggregate import USER
from users.commands import ChangeName, CreateUser


def created(name: str, correlation_id: UUID | None = None) -> RecordedEvent:
    user_id = uuid4()
    command = CreateUser(user_id=user_id, name=name, email=f"{user_id.int}@example.com")
    services.execute(command, metadata(correlation_id=correlation_id or uuid4()))
    return store.read_stream(USER.stream(user_id))[0]


def go_to(page: Page, typed: str) -> None:
    page.fill("#go-to", typed)
    page.press("#go-to", "Enter")


@pytest.mark.parametrize("scripts", [True, False], ids=["script", "no script"])
def test_from_an_event_to_what_happened_around_it_to_another_user(
    desk: Desk, complaints: list[str], *, scripts: bool
) -> None:
    ada, grace = created("Ada"), created("Grace")
    page = desk(java_script_enabled=scripts)
    log_in(page)
    page.goto(f"{EVENTS}{ada.position}/")
    page.get_by_test_id("around").click()
    expect(page.get_by_test_id("ruler")).to_be_visible()
    assert page.url.endswith(f"?around={instant(ada.recorded_at)}#e{ada.position}")
    row = page.locator(f"#e{grace.position}")
    expect(row).to_contain_text("created Grace")
    row.get_by_role("link", name=f"#{grace.position}", exact=True).click()
    page.get_by_test_id("to-user").click()
    expect(page.get_by_test_id("user-header")).to_contain_text("Grace")
    assert complaints == []


@pytest.mark.parametrize("scripts", [True, False], ids=["script", "no script"])
def test_from_a_user_to_the_conversation_and_back(
    desk: Desk, complaints: list[str], *, scripts: bool
) -> None:
    talk = uuid4()
    ada, grace = created("Ada", talk), created("Grace", talk)
    page = desk(java_script_enabled=scripts)
    log_in(page)
    page.goto(user_url(UUID(ada.subject)))
    page.locator("#v1").get_by_test_id("to-conversation").click()
    assert page.url.endswith(f"/admin/c/{talk}")
    tree = page.get_by_test_id("tree")
    expect(tree).to_contain_text("created Grace")
    page.get_by_test_id("view-lanes").click()
    expect(page.get_by_test_id("lanes")).to_contain_text("UserCreated")
    page.get_by_test_id("view-tree").click()
    tree.locator("summary").first.click()
    expect(tree.locator(f'a[href$="event/{ada.position}/"]')).to_be_hidden()
    tree.locator("summary").first.click()
    tree.locator(f'a[href*="{ada.subject}"]').click()
    expect(page.get_by_test_id("user-header")).to_contain_text("Ada")
    assert grace.correlation_id == ada.correlation_id
    assert complaints == []


def test_go_to_takes_each_kind_of_input(desk: Desk, complaints: list[str]) -> None:
    talk, user_id = uuid4(), uuid4()
    known_user(user_id, email=f"{user_id.int}@example.com")
    event = created("Grace", talk)
    page = desk()
    log_in(page)
    user, stream = user_url(user_id), USER.stream(user_id)
    for typed, leads_to in {
        f"#{event.position}": f"{EVENTS}{event.position}/",
        str(event.event_id): f"{EVENTS}{event.position}/",
        str(talk): f"/admin/c/{talk}",
        stream: f"/admin/s/{stream}",
        str(user_id): user,
        f"{user_id.int}@example.com": user,
        "2026-11-06 15:00": f"{EVENTS}?around=2026-11-06T15%3A00%3A00Z",
    }.items():
        go_to(page, typed)
        page.wait_for_url(f"**{leads_to}")
    go_to(page, "nobody@example.com")
    expect(page.get_by_test_id("goto-nothing")).to_be_focused()
    expect(page.locator("#goto-typed")).to_have_value("nobody@example.com")
    assert page.url.endswith("/admin/goto")
    assert complaints == []


def test_keys_open_a_user_and_step_through_versions(
    desk: Desk, complaints: list[str]
) -> None:
    user_id = known_user()
    services.execute(ChangeName(user_id=user_id, name="Ada King"), metadata())
    catch_up()
    page = desk()
    log_in(page)
    page.keyboard.press("g")
    page.keyboard.press("u")
    page.wait_for_url("**/userview/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{user_url(user_id)}")
    keys = listed(page)
    assert {"[ ]", "t", "e"} <= keys
    assert "Space" not in keys
    page.keyboard.press("e")
    expect(page.get_by_test_id("change-name")).to_be_focused()
    page.keyboard.press("e")
    expect(page.get_by_test_id("change-name")).to_be_hidden()
    page.keyboard.press("[")
    page.wait_for_url("**?v=1")
    page.keyboard.press("t")
    expect(page.locator("#moment_time")).to_be_focused()
    page.locator("#moment_time").blur()
    page.keyboard.press("z")
    page.wait_for_url("**/admin/zone/**")
    assert {"[ ]", "j k", "c"}.isdisjoint(listed(page))
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/deadletter/")
    assert complaints == []


def listed(page: Page) -> set[str]:
    """Return the keys that "?" lists."""
    page.keyboard.press("?")
    expect(page.get_by_test_id("keys")).to_be_visible()
    found = page.locator("#keys dt:visible").all_inner_texts()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("keys")).to_be_hidden()
    expect(page.locator("body")).to_be_focused()
    return set(found)


def test_keys_move_along_rows_and_along_a_stream(
    desk: Desk, complaints: list[str]
) -> None:
    user_id = known_user()
    services.execute(ChangeName(user_id=user_id, name="Ada King"), metadata())
    first, second = store.read_stream(USER.stream(user_id))
    page = desk()
    log_in(page)
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/eventstore/event/")  # and its scripts: they hear the keys
    page.keyboard.press("j")  # that somebody logged in
    page.keyboard.press("j")
    page.keyboard.press(" ")
    expect(page.locator("tr.data:visible").first).to_contain_text("Ada King")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{EVENTS}{first.position}/")
    page.keyboard.press("J")
    page.wait_for_url(f"**{EVENTS}{second.position}/")
    page.keyboard.press("K")
    page.wait_for_url(f"**{EVENTS}{first.position}/")
    page.keyboard.press("?")
    expect(page.get_by_test_id("keys")).to_be_visible()
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("keys")).to_be_hidden()
    page.wait_for_function("document.activeElement === document.body")
    page.keyboard.press("J")
    page.keyboard.press("?")
    expect(page.get_by_test_id("keys")).to_be_visible()
    assert page.url.endswith(f"{EVENTS}{first.position}/")
    assert complaints == []
