"""Fixtures many tests use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings

from config import troubles
from tests import databases
from tests.given import Given
from tests.given import given as given_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django.plugin import DjangoDbBlocker


# A machine that is busy is no failure.
settings.register_profile(
    "annals", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("annals")


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,  # noqa: ARG001  # comes first
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """Run all ordinary tests in one clone, each in a transaction rolled back."""
    with django_db_blocker.unblock():
        databases.be_reckless()
        clone = databases.cloned()
        clone.__enter__()
    yield
    with django_db_blocker.unblock():
        clone.__exit__(None, None, None)


@pytest.fixture
def committed_db(
    django_db_setup: None,  # noqa: ARG001  # makes the template
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[str]:
    """Give the test a database of its own, for real commits from several connections.

    Yields its name.  The log refuses TRUNCATE, so nothing is cleaned: the database is
    dropped, whoever is still connected.
    """
    with django_db_blocker.unblock(), databases.cloned() as name:
        yield name


@pytest.fixture(scope="module")
def durable_server(
    django_db_setup: None,  # noqa: ARG001  # made it reckless
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """Run the server as an installation does, for those who look at its settings."""
    with django_db_blocker.unblock(), databases.durable():
        yield


@pytest.fixture(autouse=True)
def _nothing_wants_anybody() -> None:
    """Have the side bar know of no trouble: what another test's database had is gone.

    Who tests it has it count: ``troubles.counted()``.
    """
    troubles.keep(troubles.Troubles(), seconds=math.inf)


@pytest.fixture
def given() -> Callable[..., Given]:
    """Tell a decision: given(*events).when(command).then(*events)."""
    return given_events


@pytest.fixture
def superuser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the test's own connection do what the application's role cannot.

    For tests that change tables or end sessions, and to set the stage for attacks.
    Comes after the database it is asked for with.
    """
    own = "committed_db" if "committed_db" in request.fixturenames else "db"
    request.getfixturevalue(own)
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE none")
    yield
    if connection.is_usable():
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marker = item.get_closest_marker("django_db")
        if "transactional_db" in getattr(item, "fixturenames", ()) or (
            marker and marker.kwargs.get("transaction")
        ):
            message = f"{item.nodeid}: ask for the fixture committed_db instead"
            raise pytest.UsageError(message)
