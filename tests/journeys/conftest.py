"""Fixtures of the journeys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.config.conftest import open_folder
from tests.factories import api_token
from tests.journeys.cast import Cast


@pytest.fixture
def cast(committed_db: str) -> Iterator[Cast]:
    """Give the journey an installation whose processes it starts and kills itself."""
    del committed_db
    with open_folder() as folder:
        crew = Cast(folder, token=api_token("journey"))
        yield crew
        crew.stop()
