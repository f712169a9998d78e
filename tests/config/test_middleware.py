from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_a_conversation_keeps_the_id_that_the_client_gave_it() -> None:
    given = str(uuid4())
    response = Client().get("/api/v1/users", headers={"X-Correlation-ID": given})
    assert response["X-Correlation-ID"] == given


@pytest.mark.parametrize("given", ["", "nonsense", "1; DROP TABLE events", "é" * 36])
def test_a_conversation_without_a_proper_id_gets_one(given: str) -> None:
    response = Client().get("/api/v1/users", headers={"X-Correlation-ID": given})
    assert UUID(response["X-Correlation-ID"]).version == 7
