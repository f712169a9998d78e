from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings

from tests.salesforce.answers import Salesforce
from tests.salesforce.here import point_at
from tests.salesforce.server import salesforce
from users.sources.salesforce import login


@pytest.fixture
def org() -> Iterator[Salesforce]:
    """Serve an empty org; nobody is logged in."""
    login.forget()
    with salesforce() as known:
        yield known
    login.forget()


@pytest.fixture
def connected(org: Salesforce, settings: LazySettings) -> Salesforce:
    """Serve an empty org that the settings lead to; it owns every field."""
    settings.SALESFORCE = point_at(org)
    org.org.skew, org.tick = timedelta(hours=-1), timedelta(seconds=2)
    return org
