"""Pages that say why there is no other: framed, with an id, and one needs nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from config import unsent
from tests.backoffice import attribute, regions, staff, superuser, text, user_url
from tests.factories import ADA, known_user

pytestmark = pytest.mark.django_db
NAME = user_url(ADA, "commands/change-name/")
ORIGIN = {"Origin": "http://testserver", "Referer": f"http://testserver{NAME}"}
FRAME = ("sidebar", "find", "zone")


def framed(response: Any) -> list[str]:
    return [name for name in FRAME if regions(response, name)]


def test_who_is_logged_in_keeps_the_frame_and_reads_the_id() -> None:
    person = staff("eventstore.view_storedevent")
    for url, status in (
        ("/admin/nowhere/", 404),
        ("/admin/eventstore/event/999/", 404),
        ("/admin/audit/", 403),
    ):
        page = person.get(url)
        assert page.status_code == status
        assert framed(page) == list(FRAME)
        assert page["X-Correlation-ID"] in (text(page, "correlation") or "")
        assert f'data-copy="{page["X-Correlation-ID"]}"' in page.content.decode()


def test_a_stranger_gets_the_words_and_no_frame() -> None:
    User.objects.create_superuser("boss")
    page = Client().get("/nowhere")
    assert (page.status_code, framed(page)) == (404, [])
    assert page["X-Correlation-ID"] in (text(page, "correlation") or "")
    assert "boss" not in page.content.decode()


def test_a_refusal_names_who_can_grant_the_right() -> None:
    for number in range(7):
        User.objects.create_superuser(f"boss-{number}")
    User.objects.create_superuser("a-gone", is_active=False)
    page = staff("eventstore.view_storedevent").get("/admin/audit/")
    said = text(page, "grantors") or ""
    assert re.findall(r"boss-\d", said) == [f"boss-{number}" for number in range(5)]
    assert "gone" not in said


def gone(*_arguments: Any, **_named: Any) -> Any:
    raise OperationalError


def test_an_error_is_a_page_without_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = superuser()
    client.raise_request_exception = False
    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", gone)
    page = client.get("/admin/", headers={"Accept-Language": "de"})
    assert (page.status_code, framed(page)) == (500, [])
    assert "Etwas ist kaputt" in (text(page, "broken") or "")
    assert page["X-Correlation-ID"] in (text(page, "correlation") or "")


def expired(**headers: str) -> tuple[Client, Any]:
    known_user(ADA)
    client = superuser()
    client.handler.enforce_csrf_checks = True
    typed = {"name": "Grace <Hop>", "expected_version": "1"}
    return client, client.post(NAME, typed, headers=headers)


def test_a_form_with_a_stale_token_comes_back_filled_in() -> None:
    client, page = expired(**ORIGIN)
    assert (page.status_code, framed(page)) == (403, list(FRAME))
    assert attribute(page, "again", "href") == NAME
    form = client.get(NAME).content.decode()
    assert 'value="Grace &lt;Hop&gt;"' in form
    assert 'value="Grace &lt;Hop&gt;"' not in client.get(NAME).content.decode()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_what_another_site_posts_fills_in_nothing(origin: str) -> None:
    client, page = expired(**({"Origin": origin} if origin else {}))
    assert (page.status_code, regions(page, "again")) == (403, [])
    assert unsent.UNSENT not in client.session
    assert "Hop" not in client.get(NAME).content.decode()
