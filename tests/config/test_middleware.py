from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse

from projections.api import urls as api_urls
from tests.factories import ADA, known_user
from tests.rest import client

pytestmark = pytest.mark.django_db


def test_a_conversation_keeps_the_id_that_the_client_gave_it() -> None:
    given = str(uuid4())
    response = Client().get("/api/v1/users", headers={"X-Correlation-ID": given})
    assert response["X-Correlation-ID"] == given


@pytest.mark.parametrize("given", ["", "nonsense", "1; DROP TABLE events", "é" * 36])
def test_a_conversation_without_a_proper_id_gets_one(given: str) -> None:
    response = Client().get("/api/v1/users", headers={"X-Correlation-ID": given})
    assert UUID(response["X-Correlation-ID"]).version == 7


def addresses() -> list[str]:
    return [
        reverse(
            f"api:{each.name}",
            kwargs={name: "user-1" if name == "name" else ADA for name in names},
        )
        for each in api_urls.urlpatterns
        for names in [each.pattern.converters]
    ]


@pytest.mark.parametrize("is_known", [True, False])
def test_no_answer_of_the_api_is_stored(*, is_known: bool) -> None:
    known_user(ADA)
    api = client() if is_known else Client()
    asked = [*addresses(), "/api/v1/nothing"]
    assert len(asked) > 20
    for url in asked:
        for answer in (api.get(url), api.post(url, "{}", "application/json")):
            assert answer["Cache-Control"] == "no-store", url
