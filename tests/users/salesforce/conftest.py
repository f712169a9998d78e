from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.salesforce.answers import Salesforce
from tests.salesforce.server import salesforce
from users.sources.salesforce import login


@pytest.fixture
def org() -> Iterator[Salesforce]:
    """Serve an empty org; nobody is logged in."""
    login.forget()
    with salesforce() as known:
        yield known
    login.forget()
