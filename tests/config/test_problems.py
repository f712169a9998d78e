from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import OperationalError
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework.exceptions import Throttled

from config import problems, urls
from tests import rest
from tests.factories import ADA


def answered(error: Exception) -> tuple[int, Any, Any]:
    request = RequestFactory().get("/api/v1/users")
    request.correlation_id = ADA  # type: ignore[attr-defined]
    response = problems.problem_response(error, {"request": request})
    assert response is not None
    return response.status_code, response.data, response.headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status", "title", "retry"),
    [
        (OperationalError("secret"), 503, "Database unavailable", "1"),
        (Throttled(wait=7.2), 429, "Throttled", "8"),
        (Http404("secret"), 404, "Not found", None),
        (PermissionDenied("secret"), 403, "Permission denied", None),
    ],
)
def test_an_error_becomes_a_problem_that_gives_nothing_away(
    error: Exception, status: int, title: str, retry: str | None
) -> None:
    code, body, headers = answered(error)
    assert (code, body["status"], body["title"]) == (status, status, title)
    assert headers.get("Retry-After") == retry
    assert body["instance"] == f"urn:uuid:{ADA}"
    assert "secret" not in json.dumps(body)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("/api/v1/users", {"headers": {"Host": "evil.example"}}),
        ("/api/v1/users?" + "a&" * 1_001, {}),
    ],
)
def test_what_django_refuses_is_a_problem_under_the_api(
    url: str, extra: dict[str, Any]
) -> None:
    response = rest.client().get(url, **extra)
    assert response.status_code == 400
    assert rest.problem(response)["title"] == "Bad request"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "status"), [("/metrics", 401), ("/api/v1/users?format=html", 400)]
)
def test_a_problem_is_json_whatever_the_view_answers_else(
    url: str, status: int
) -> None:
    client = rest.client() if "users" in url else Client()
    response = client.get(url)
    assert response.status_code == status
    assert rest.problem(response)["status"] == status


def test_a_bug_is_not_a_problem_but_a_500() -> None:
    assert problems.problem_response(ZeroDivisionError(), {"request": None}) is None


def test_a_500_under_the_api_says_what_to_quote() -> None:
    request = RequestFactory().get("/api/v1/users")
    request.correlation_id = ADA  # type: ignore[attr-defined]
    response = urls.handler500(request)
    body = json.loads(response.content)
    assert (response.status_code, body["title"]) == (500, "Server error")
    assert body["instance"] == f"urn:uuid:{ADA}"


def test_a_500_elsewhere_is_a_page() -> None:
    response = urls.handler500(RequestFactory().get("/admin/"))
    assert (response.status_code, response["Content-Type"]) == (
        500,
        "text/html; charset=utf-8",
    )


def test_the_openapi_schema_is_valid_and_without_warnings() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file="/dev/null")


@pytest.mark.django_db
def test_the_schema_and_its_page_are_open_and_load_nothing_from_elsewhere() -> None:
    schema, page = Client().get("/api/schema"), Client().get("/api/docs")
    assert (schema.status_code, page.status_code) == (200, 200)
    assert b"openapi: 3.1" in schema.content
    assert b"//cdn" not in page.content
    assert b"https://" not in page.content
