from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from eventstore import store
from eventstore.events import SALESFORCE
from projections.models import DirectoryEntry
from tests.backoffice import catch_up, user_url
from tests.browser.conftest import Desk, log_in
from tests.browser.hands import Hand, Keyboard
from tests.factories import held_run, known_user, metadata
from tests.processes import wait_until
from users import services
from users.aggregate import USER
from users.commands import ChangeEmail, ChangeName
from users.models import SalesforceRun

SECOND = timedelta(seconds=1)


def remembered(name: str) -> tuple[UUID, datetime]:
    """A user who had *name* at the instant returned, and another one since."""
    user_id = known_user(name=name)
    (created,) = store.read_stream(USER.stream(user_id))
    moment = created.recorded_at.replace(microsecond=0) + SECOND
    wait_until(lambda: timezone.now() > moment)
    command = ChangeName(user_id=user_id, name=f"{name} King")
    services.execute(command, metadata())
    catch_up()
    return user_id, moment


def find(hand: Hand, name: str) -> None:
    hand.ask(hand.page.locator("#go-to"), name)
    hand.press(hand.page.get_by_role("link", name=f"{name} King"))
    expect(hand.page.get_by_test_id("history")).to_contain_text(
        f"changed name from {name} to {name} King"
    )


def look_at(hand: Hand, moment: datetime, name: str) -> None:
    """What was so then: three actions from the dashboard."""
    page = hand.page
    clock = f"{moment:%H:%M:%S}"
    hand.ask(page.locator("#moment_at"), f"{moment:%Y-%m-%d} {clock}")
    expect(page.get_by_test_id("tt-banner")).to_contain_text(f"{clock} UTC")
    expect(page.get_by_test_id("tt-then")).to_contain_text(f"then {name} → now")
    expect(page.locator(".chapter.is-shown")).to_have_attribute("id", "v1")
    assert hand.actions <= 3
    hand.press(page.get_by_test_id("tt-now"))
    expect(page.get_by_test_id("tt-banner")).to_have_count(0)


def look_by_date(hand: Hand, moment: datetime) -> None:
    page = hand.page
    hand.write(page.locator("#moment_date"), f"{moment:%Y-%m-%d}", f"{moment:%m%d%Y}")
    clock = f"{moment:%H:%M:%S}"
    hand.write(page.locator("#moment_time"), clock, f"{moment:%I%M%S%p}")
    hand.press(page.get_by_test_id("tt-show"))
    expect(page.get_by_test_id("tt-banner")).to_contain_text(f"{clock} UTC")
    hand.press(page.get_by_test_id("tt-now"))
    expect(page.get_by_test_id("tt-banner")).to_have_count(0)


def mistaken(user_id: UUID) -> UUID:
    """Have a run over Salesforce change the e-mail address; return the run."""
    found = SalesforceRun.objects.first()  # at most one waits at a time
    run_id = found.run_id if found else uuid4()
    if not found:
        held_run(run_id, user_id)
    about = metadata(
        source=SALESFORCE, correlation_id=run_id, extra={"run": str(run_id)}
    )
    command = ChangeEmail(user_id=user_id, email=f"{user_id.hex}@example.org")
    services.execute(command, about)
    catch_up()
    return run_id


def explain(hand: Hand, user_id: UUID, run_id: UUID) -> None:
    """From a value to the event that set it, and to the run behind it."""
    page, before = hand.page, hand.actions
    hand.press(page.get_by_test_id("tab-explain"))
    row = page.get_by_test_id("explained-email")
    expect(row).to_contain_text(f"{user_id.hex}@example.org")
    hand.press(row.get_by_role("link", name="#").first)
    expect(page.get_by_test_id("event-fields")).to_contain_text("recomputed just now")
    hand.press(page.get_by_test_id("to-run"))
    expect(page.get_by_text("61 people would be deactivated").first).to_be_visible()
    assert page.url.endswith(f"/admin/users/salesforcerun/{run_id}/")
    assert hand.actions - before <= 4
    page.goto(user_url(user_id))


def change_name(hand: Hand, user_id: UUID) -> None:
    page = hand.page
    hand.press(page.get_by_test_id("change").locator("summary"))
    hand.press(page.get_by_test_id("change-name"))
    hand.write(page.locator("#id_name"), "Ada Lovelace")
    hand.press(page.get_by_test_id("submit"))
    expect(page.locator(".messagelist")).to_have_text(
        re.compile(r"Recorded as #\d+, version 4\.")
    )
    expect(page.get_by_test_id("user-header")).to_contain_text("Ada Lovelace")
    expect(page.get_by_test_id("behind")).to_be_visible()
    (*_others, event) = store.read_stream(USER.stream(user_id))
    assert event.actor == "staff:root"


def repair(hand: Hand, user_id: UUID) -> None:
    page = hand.page
    catch_up()
    DirectoryEntry.objects.filter(user_id=user_id).update(name="Broken")
    page.goto(user_url(user_id))
    expect(page.get_by_test_id("disagrees")).to_be_visible()
    hand.press(page.get_by_test_id("tab-state"))
    hand.press(page.get_by_test_id("state-reprocess"))
    expect(page.get_by_test_id("preview-diff").locator("tbody tr")).to_have_count(1)
    expect(page.get_by_test_id("diff-name")).to_contain_text("Broken")
    hand.write(page.locator("#id_reason"), "OPS-412")
    hand.press(page.get_by_test_id("submit"))
    expect(page.get_by_test_id("state")).to_contain_text("Agrees")
    expect(page.get_by_test_id("disagrees")).to_have_count(0)
    assert DirectoryEntry.objects.get(user_id=user_id).name == "Ada Lovelace"


@pytest.mark.parametrize("way", ["mouse", "keyboard", "no script"])
def test_find_read_look_back_explain_change_and_repair(
    desk: Desk, complaints: list[str], way: str
) -> None:
    name = f"Ada {uuid4().hex}"
    user_id, moment = remembered(name)
    page = desk(java_script_enabled=way != "no script")
    hand = Keyboard(page) if way == "keyboard" else Hand(page)
    log_in(page)
    find(hand, name)
    look_at(hand, moment, name)
    look_by_date(hand, moment)
    run_id = mistaken(user_id)
    explain(hand, user_id, run_id)
    change_name(hand, user_id)
    repair(hand, user_id)
    assert complaints == []


def test_the_slider_moves_the_address_and_the_page_by_keyboard(
    desk: Desk, complaints: list[str]
) -> None:
    user_id, _moment = remembered("Grace")
    page = desk()
    log_in(page)
    page.goto(user_url(user_id))
    slider = page.get_by_test_id("tt-version")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_test_id("tt-banner")).to_contain_text("at version 1,")
    assert page.url.endswith("?v=1")
    expect(slider).to_be_focused()
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^version 1 of 2, "))
    expect(page.locator("#moment-said")).to_contain_text("version 1 of 2")
    page.get_by_test_id("tt-next").click()
    expect(page.get_by_test_id("tt-banner")).to_contain_text("at version 2,")
    page.go_back()
    expect(page.get_by_test_id("tt-banner")).to_contain_text("at version 1,")
    assert complaints == []


def test_the_event_that_was_last_is_in_view_from_the_start(desk: Desk) -> None:
    user_id = known_user()
    for number in range(12):
        command = ChangeName(user_id=user_id, name=f"Ada {number}")
        services.execute(command, metadata())
    page = desk()
    log_in(page)
    page.goto(user_url(user_id, "change/?v=2"))
    expect(page.locator("#v2")).to_be_in_viewport()
    expect(page.get_by_test_id("tt-then")).to_be_in_viewport()


def test_the_slider_works_without_script(desk: Desk) -> None:
    user_id, _moment = remembered("Grace")
    page = desk(java_script_enabled=False)
    log_in(page)
    page.goto(user_url(user_id))
    page.get_by_test_id("tt-version").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_test_id("tt-go").click()
    expect(page.get_by_test_id("tt-banner")).to_contain_text("at version 1,")


def test_two_tabs_lose_nothing(desk: Desk) -> None:
    user_id = known_user()
    page = desk()
    log_in(page)
    page.goto(user_url(user_id, "commands/change-name/"))
    services.execute(ChangeName(user_id=user_id, name="Theirs"), metadata())
    page.fill("#id_name", "Mine")
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("conflict")).to_be_focused()
    expect(page.get_by_test_id("conflict")).to_contain_text("to Theirs via REST API")
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("user-header")).to_contain_text("Mine")
