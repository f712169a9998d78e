"""What the launcher's tests share."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.processes import running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

# What tests.settings filled in for this process must not reach an installation.
SET_BY_TESTS = {
    *("ALLOWED_HOSTS", "CELERY_BROKER_URL", "CLAIM_KEY", "DATABASE_URL"),
    *("DJANGO_SETTINGS_MODULE", "EMAIL_URL", "ENVIRONMENT_NAME", "SECRET_KEY"),
    *("MIGRATE_DATABASE_URL", "SECURE_SSL_REDIRECT", "STATE_DIR"),
    "STAFF_SECOND_FACTOR",
}


def bare_environment() -> dict[str, str]:
    """Return the environment of a shell that knows nothing of Annals."""
    return {name: os.environ[name] for name in os.environ if name not in SET_BY_TESTS}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give an awkwardly named folder that every account may enter."""
    with open_folder() as path:
        yield path


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Make the folder; nothing that names it in its command line may run at the end."""
    path = Path(tempfile.mkdtemp(prefix="annals prüfung "))
    path.chmod(0o755)
    yield path
    wait_until(lambda: not running(str(path)))
    shutil.rmtree(path)
