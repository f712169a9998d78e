"""A passkey made and used in a real browser, with an authenticator of its own."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import PASSWORD, Desk
from users.models import SecondFactor

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


@pytest.fixture
def account(server: str) -> Iterator[User]:
    del server
    made = User.objects.create_superuser("passkeys", password=PASSWORD)
    yield made
    made.delete()


def with_authenticator(page: Page) -> tuple[CDPSession, str]:
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    made = client.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return client, str(made["authenticatorId"])


def log_in(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/")
    page.fill("#id_username", "passkeys")
    page.fill("#id_password", PASSWORD)
    page.click("[type=submit]")


def test_a_passkey_is_added_and_then_lets_in_and_no_other_does(
    desk: Desk, complaints: list[str], server: str, account: User
) -> None:
    base = f"http://localhost:{urlsplit(server).port}"  # no passkeys for an address
    page = desk()
    client, authenticator = with_authenticator(page)
    log_in(page, base)
    page.goto(f"{base}/admin/factors/passkey/")
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("factors")).to_contain_text("passkey")
    kept = SecondFactor.objects.get(account=account)
    assert kept.kind == "passkey"

    page.get_by_role("button", name="Log out").click()
    log_in(page, base)
    expect(page.get_by_test_id("second")).to_be_visible()
    page.get_by_test_id("use-passkey").click()
    page.get_by_test_id("cards").wait_for()
    kept.refresh_from_db()
    assert kept.used_at is not None

    page.get_by_role("button", name="Log out").click()
    client.send(
        "WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator}
    )
    client.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    log_in(page, base)
    page.get_by_test_id("use-passkey").click()
    expect(page.locator("[data-problem]")).to_be_visible()
    page.goto(f"{base}/admin/eventstore/event/")
    expect(page.get_by_test_id("second")).to_be_visible()
    assert [each for each in complaints if " asked http://localhost" not in each] == []
