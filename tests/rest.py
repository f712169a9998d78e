"""Talking to the API as a client does."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from tests.factories import api_token


def client(name: str = "crm-portal", **token: Any) -> Client:
    """Return a client of the API with a token of its own, that may do everything."""
    return Client(headers={"Authorization": f"Bearer {api_token(name, **token)}"})


def post(api: Client, url: str, body: Any, **extra: Any) -> Any:
    raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return api.post(url, raw, **{"content_type": "application/json"} | extra)


def problem(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["status"] == response.status_code
    assert body.pop("instance") == f"urn:uuid:{response['X-Correlation-ID']}"
    return body
