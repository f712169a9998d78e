"""What a user's page says of the read model, while the read model moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from eventstore import subscriptions
from projections.directory import DIRECTORY
from projections.models import DirectoryEntry
from tests.backoffice import regions, superuser, user_url
from tests.factories import known_user, metadata
from users import services
from users.commands import ChangeName, EraseUser
from users.values import ErasureGround

pytestmark = pytest.mark.usefixtures("committed_db")

QUERIES = 8  # that the page may need


class Between:
    """Does something once, right after the *number*-th query that is run."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        self.number, self.act = number, act
        self.asked, self.is_acting = 0, False

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        result = execute(*query)
        if self.is_acting:
            return result
        self.asked += 1
        if self.asked == self.number:
            self.is_acting = True
            self.act()
            self.is_acting = False
        return result


def caught_up() -> None:
    assert subscriptions.catch_up(DIRECTORY)


@pytest.mark.parametrize("is_erased", [False, True])
def test_a_projection_that_applies_in_between_raises_no_alarm(
    *, is_erased: bool
) -> None:
    client = superuser()
    for number in range(1, QUERIES + 1):
        user_id = known_user()
        caught_up()
        change = ChangeName(user_id=user_id, name="Ada King")
        erase = EraseUser(user_id=user_id, ground=ErasureGround.REQUEST)
        services.execute(change, metadata())

        def move(last: Any = erase if is_erased else change) -> None:
            caught_up()
            services.execute(last, metadata())
            caught_up()

        between = Between(number, move)
        with connection.execute_wrapper(between):
            page = client.get(user_url(user_id) + "?tab=state")
        assert regions(page, "disagrees") + regions(page, "orphaned") == []
        assert between.asked <= QUERIES


def test_an_event_that_was_passed_by_is_an_alarm() -> None:
    user_id = known_user()
    caught_up()
    services.execute(ChangeName(user_id=user_id, name="Ada King"), metadata())
    (row,) = DirectoryEntry.objects.filter(user_id=user_id)
    caught_up()
    row.save()
    assert regions(superuser().get(user_url(user_id)), "disagrees") != []
