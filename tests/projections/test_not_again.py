"""Whoever has a user as they are is told so, and nothing else."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import ADA, known_user
from tests.projections.test_api import catch_up, rename
from tests.users.test_api import ADA_URL, api

__all__ = ["api"]
pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ('"1"', 304),
        ('W/"1"', 304),
        ('"7", "1"', 304),
        ("*", 304),
        ('"2"', 200),
        ("1", 200),
        ("", 200),
        ("\u00e9", 200),
    ],
)
def test_a_user_whom_the_client_has_is_not_told_again(
    api: Client, sent: str, status: int
) -> None:
    known_user(ADA)
    catch_up()
    response = api.get(ADA_URL, headers={"If-None-Match": sent})
    assert (response.status_code, response["ETag"]) == (status, '"1"')
    assert bool(response.content) is (status == 200)
    assert response["Annals-Position"] == "1"
    rename("Ada King")
    catch_up()
    assert api.get(ADA_URL, headers={"If-None-Match": '"1"'}).status_code == 200
