"""``make screenshots``: the pictures of README and docs, of the demonstration."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

from tests.browser import chromium

PROJECT = Path(__file__).resolve().parents[1]
MANAGE = [sys.executable, str(PROJECT / "manage.py")]
IMAGES = PROJECT / "docs" / "images"
START_SECONDS = 120.0
POLL_SECONDS = 0.2
SIZE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
USERS = "/admin/users/userview/"
# Name of the file -> page (None: Ada's), what it is asked, size of the window, colours.
PICTURES: dict[str, tuple[str | None, str, Any, Any]] = {
    "user": (None, "", SIZE, "light"),
    "user-dark": (None, "?v=2", SIZE, "dark"),
    "user-phone": (None, "", PHONE, "light"),
    "dashboard": ("/admin/", "", SIZE, "light"),
    "events": ("/admin/eventstore/event/", "", SIZE, "light"),
    "subscriptions": ("/admin/eventstore/subscription/", "", SIZE, "light"),
}


def main() -> None:
    """Start an installation of its own, take every picture, and stop it."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        state, port = Path(folder), free_port()
        state.chmod(0o755)  # PostgreSQL may run as another account
        environment = os.environ | {"STATE_DIR": folder}
        ports = ["--port", str(port), "--feed-port", str(free_port())]
        annals = subprocess.Popen(  # noqa: S603 - our own argv
            [*MANAGE, "up", *ports], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            address = f"http://localhost:{port}"
            wait_until(lambda: is_ready(address) and (state / "login.txt").exists())
            wait_until(lambda: has_caught_up(environment))
            take(address, (state / "login.txt").read_text().strip())
        finally:
            annals.terminate()
            annals.wait()


def is_ready(address: str) -> bool:
    """Say whether it answers."""
    try:
        with urlopen(f"{address}/health/ready", timeout=5):  # noqa: S310 - http
            return True
    except (URLError, OSError):
        return False


def has_caught_up(environment: dict[str, str]) -> bool:
    """Say whether all subscriptions have come to the end of the log."""
    asked = [*MANAGE, "subscriptions", "list", "--json"]
    told = subprocess.check_output(asked, env=environment)  # noqa: S603 - our own argv
    return not any(each["behind"] for each in json.loads(told))


def take(address: str, password: str) -> None:
    """Write every picture to ``docs/images``."""
    path = chromium.found()
    if path is None:
        sys.exit("No Chromium is installed; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=chromium.ARGUMENTS
        )
        for name, (place, asked, size, scheme) in PICTURES.items():
            context = browser.new_context(
                base_url=address, viewport=size, color_scheme=scheme, locale="en-GB"
            )
            page = context.new_page()
            log_in(page, password)
            page.goto((place or ada(page)) + asked)
            page.screenshot(path=IMAGES / f"{name}.png")
            context.close()
            print(f"docs/images/{name}.png")  # noqa: T201
        browser.close()


def log_in(page: Page, password: str) -> None:
    """Log in as ``admin``."""
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", password)
    page.keyboard.press("Enter")
    page.get_by_test_id("cards").wait_for()


def ada(page: Page) -> str:
    """Return the path of Ada's page."""
    page.goto(USERS)
    path = page.get_by_role("link", name="Ada Lovelace").get_attribute("href")
    assert path
    return path


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as it holds; end the program if that takes too long."""
    end = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > end:
            sys.exit("Annals did not start; ./run says why.")
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
