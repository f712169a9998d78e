"""An installation as a stranger finds it: an address, a token and the schema."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from tests.journeys.cast import Cast
from tests.journeys.conftest import cast

__all__ = ["cast"]
MANIFEST = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
AS_SHIPPED = {"staticfiles": {"BACKEND": MANIFEST}}


@pytest.fixture
def annals(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """Start web, worker and broker, without limits."""
    monkeypatch.setenv("API_READS_A_MINUTE", "0")
    monkeypatch.setenv("API_WRITES_A_MINUTE", "0")
    # As ./run does: a page that says that nothing is there has a style sheet, too.
    with override_settings(STORAGES=settings.STORAGES | AS_SHIPPED):
        call_command("collectstatic", interactive=False, verbosity=0)
    cast.start_broker()
    cast.start_worker()
    cast.start_web()
    return cast


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """Return the OpenAPI schema; a warning fails."""
    written = io.StringIO()
    call_command(
        "spectacular", format="openapi-json", fail_on_warn=True, stdout=written
    )
    path = tmp_path / "annals.json"
    path.write_text(written.getvalue())
    return path
