"""Fixtures of the journeys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.config.conftest import open_folder
from tests.journeys.cast import Cast
from users import tokens


@pytest.fixture
def cast(committed_db: str) -> Iterator[Cast]:
    """Give the journey an installation whose processes it starts and kills itself."""
    del committed_db
    with open_folder() as folder:
        crew = Cast(folder, token=tokens.issue("journey"))
        yield crew
        crew.stop()
