"""The history of a user: filtered by field and source, and long runs in one line."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from eventstore.events import SALESFORCE
from tests.backoffice import attribute, regions, staff, superuser, text, user_url
from tests.factories import ADA, known_user, metadata
from users import services
from users.commands import ChangeEmail, ChangeName

pytestmark = pytest.mark.django_db


def lived() -> None:
    """Created and renamed over REST; then seven names and an address by one run."""
    known_user(ADA)
    services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())
    about = metadata(source=SALESFORCE, correlation_id=uuid4())
    for number in range(7):
        services.execute(ChangeName(user_id=ADA, name=f"Ada {number}"), about)
    services.execute(ChangeEmail(user_id=ADA, email="quux@example.com"), about)


def versions(query: str, client: Any = None) -> list[int]:
    page = (client or superuser()).get(user_url(ADA) + query)
    return [each.event.version for each in page.context["chapters"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?field=email", [10, 1]),
        ("?field=status", [1]),
        ("?source=rest", [2, 1]),
        ("?field=email&source=rest", [1]),
        ("?field=name&source=salesforce", list(range(9, 2, -1))),
        ("?field=status&source=salesforce", []),
        ("?field=password&source=%3Cb%3E", list(range(10, 0, -1))),
        ("?field=name&before=4", [3, 2, 1]),
    ],
)
def test_the_history_is_filtered(query: str, expected: list[int]) -> None:
    lived()
    assert versions(query) == expected


def test_the_links_keep_each_other_and_the_moment() -> None:
    lived()
    page = superuser().get(user_url(ADA) + "?field=email&v=2")
    body = page.content.decode()
    assert 'href="?v=2&amp;field=email&amp;source=salesforce"' in body
    assert 'href="?v=2&amp;field=email" aria-current="true">email' in body
    assert 'href="?v=2"' in body
    assert (text(page, "history-choices") or "").startswith("All fields name email")
    none = superuser().get(user_url(ADA) + "?field=status&source=salesforce")
    assert text(none, "history-none") == "No entry of the history matches."


def test_a_long_run_is_one_line_and_open_where_the_moment_is_in_it() -> None:
    lived()
    page = superuser().get(user_url(ADA))
    (told,) = regions(page, "run")
    assert told.startswith(
        "Salesforce backfill: 8 events in one go changed name, email v3–v10"
    )
    assert "changed name from Ada King to Ada 0" in told
    assert regions(superuser().get(user_url(ADA) + "?v=5"), "run") == []


def test_five_in_a_row_are_not_folded() -> None:
    known_user(ADA)
    about = metadata()
    for number in range(5):
        services.execute(ChangeName(user_id=ADA, name=f"Ada {number}"), about)
    assert regions(superuser().get(user_url(ADA)), "run") == []


def test_what_is_folded_is_masked_too() -> None:
    lived()
    page = staff("projections.view_directoryentry").get(user_url(ADA) + "?source=rest")
    assert "King" not in page.content.decode()
    page = staff("projections.view_directoryentry").get(user_url(ADA))
    assert "quux" not in page.content.decode()
    assert attribute(page, "tab-history", "href") == "?tab=history"
