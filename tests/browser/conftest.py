"""A real browser in front of a real server, over real HTTP, with the real policy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connections
from django.test.testcases import LiveServerThread
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from pytest_django import DjangoDbBlocker

from tests import databases
from tests.browser import chromium as installed

PASSWORD = "a password of the tests"

Desk = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def server(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[str]:
    """Serve a database of the module's own; gives the address."""
    del django_db_setup
    with (
        django_db_blocker.unblock(),
        databases.cloned(),
        pytest.MonkeyPatch.context() as patch,
    ):
        # Playwright's loop runs in this thread, where the tests use the database too.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        User.objects.create_superuser("root", password=PASSWORD)
        crontab = CrontabSchedule.objects.create(minute="0", hour="3")
        PeriodicTask.objects.create(name="nightly", task="x", crontab=crontab)
        thread = LiveServerThread("127.0.0.1", static_handler=StaticFilesHandler)
        thread.daemon = True
        thread.start()
        thread.is_ready.wait()
        assert thread.error is None
        yield f"http://{thread.host}:{thread.port}"
        thread.terminate()


@pytest.fixture(scope="module")
def chromium(server: str) -> Iterator[Browser]:
    """Start the Chromium that is installed; none is downloaded."""
    del server  # comes first, and lets this thread use the database beside a loop
    found = installed.found()
    if found is None:
        tell = pytest.fail if "CI" in os.environ else pytest.skip
        tell("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=installed.ARGUMENTS
        )
        yield browser
        browser.close()
        # Those the tests opened beside the loop: nobody outside of it finds them.
        connections.close_all()


@pytest.fixture
def complaints() -> list[str]:
    """Everything a browser had to complain of during the test."""
    return []


@pytest.fixture
def desk(chromium: Browser, server: str, complaints: list[str]) -> Iterator[Desk]:
    """Give pages of fresh browsers that write down what they have to complain of."""
    contexts = []

    def listen(page: Page, message: ConsoleMessage) -> None:
        # A page that is meant to be 404 or 409 is no complaint.
        is_own_status = (
            message.text.startswith("Failed to load resource")
            and message.location["url"] == page.url
        )
        if message.type in {"error", "warning"} and not is_own_status:
            complaints.append(f"{page.url} {message.text}")

    def follow(page: Page, url: str) -> None:
        if not url.startswith((server, "data:")):
            complaints.append(f"{page.url} asked {url}")

    def opened(**options: Any) -> Page:
        context = chromium.new_context(base_url=server, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url} {error}"))
        page.on("console", lambda message: listen(page, message))
        page.on("request", lambda request: follow(page, request.url))
        return page

    yield opened
    for context in contexts:
        context.close()


def log_in(page: Page) -> None:
    page.goto("/admin/")
    page.fill("#id_username", "root")
    page.fill("#id_password", PASSWORD)
    page.click("[type=submit]")
    page.get_by_test_id("cards").wait_for()
    page.wait_for_load_state()  # its scripts hear the keys
