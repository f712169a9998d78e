"""The Chromium that is installed; none is downloaded."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


def found() -> str | None:
    """Return the path of its program; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)
