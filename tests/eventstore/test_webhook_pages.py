from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from eventstore import store
from eventstore.webhooks import endpoints
from eventstore.webhooks.models import WebhookEndpoint
from tests.backoffice import hidden, staff, superuser, text

pytestmark = pytest.mark.django_db
LIST = "/admin/eventstore/webhook/"
ADD = "/admin/eventstore/add-webhook/"
CRM = f"{LIST}crm/"
FORM = {"name": "crm", "url": "http://127.0.0.1:1/hooks", "personal": "no"}


@pytest.fixture(autouse=True)
def open_loopback(settings: LazySettings) -> None:
    settings.WEBHOOK_ALLOW_HTTP = True
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def added(client: Client, **changes: Any) -> Any:
    return client.post(ADD, FORM | changes)


def test_the_list_is_empty_until_somebody_adds_an_endpoint() -> None:
    client = superuser()
    assert text(client.get(LIST), "empty") == (
        "No other system is told of events yet. Add a webhook"
    )
    added(client)
    table = text(client.get(LIST), "webhooks-table")
    assert table
    assert table.endswith("crm Active http://127.0.0.1:1/hooks all 0 0 0")


def test_the_secret_is_shown_once() -> None:
    client = superuser()
    answer = added(client, types=["UserCreated"])
    secret = text(answer, "secret")
    assert secret
    assert "whsec_" in secret
    assert "no-store" in answer["Cache-Control"]
    again = client.get(CRM)
    assert text(again, "secret") is None
    assert b"whsec_" not in again.content
    assert "Events: UserCreated. Personal data is masked." in str(
        text(again, "settings")
    )


def test_a_refusal_stands_beside_its_field(settings: LazySettings) -> None:
    client = superuser()
    added(client)
    twice = added(client)
    assert twice.status_code == 422
    assert "Another endpoint has this name." in str(text(twice, "add"))
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    inside = added(client, name="other", url="http://169.254.169.254/")
    assert "is inside this network" in str(text(inside, "add"))
    assert WebhookEndpoint.objects.count() == 1


def test_a_secret_is_rotated_once_however_often_the_form_is_sent() -> None:
    client = superuser()
    added(client)
    seen = hidden(client.get(CRM), "seen")
    assert "whsec_" in str(text(client.post(f"{CRM}rotate/", {"seen": seen}), "secret"))
    again = client.post(f"{CRM}rotate/", {"seen": seen}, follow=True)
    assert text(again, "secret") is None
    assert b"The secret was rotated already" in again.content
    assert endpoints.named("crm").secret_number == 2


def test_pauses_resumes_and_removes_in_the_name_of_staff() -> None:
    client = superuser()
    added(client)
    stream = f"webhook-{endpoints.named('crm').pk}"
    paused = client.post(f"{CRM}pause/", {"reason": "OPS-412"}, follow=True)
    assert text(paused, "reason") == "OPS-412"
    assert b"It is paused already." in client.post(f"{CRM}pause/", follow=True).content
    client.post(f"{CRM}resume/")
    gone = client.post(f"{CRM}remove/", follow=True)
    assert gone.redirect_chain == [(LIST, 303)]
    told = [(e.payload.change, e.actor, e.source) for e in store.read_stream(stream)]
    assert told == [
        (change, "staff:root", "admin")
        for change in ("added", "paused", "resumed", "removed")
    ]
    assert client.get(CRM).status_code == 404
    assert client.post(f"{CRM}pause/").status_code == 404
    assert client.post(f"{CRM}rotate/").status_code == 404


def test_only_those_who_may_see_and_change() -> None:
    added(superuser())
    viewer = staff("eventstore.view_webhookendpoint")
    assert viewer.get(LIST).status_code == 200
    assert text(viewer.get(CRM), "rotate") is None
    for url in (ADD, f"{CRM}rotate/", f"{CRM}pause/", f"{CRM}redeliver/"):
        assert viewer.post(url).status_code == 403
    nobody = staff()
    assert nobody.get(LIST).status_code == 403
    assert Client().get(LIST).status_code == 302
    assert b"Webhooks" in viewer.get("/admin/").content
    assert b"Webhooks" not in nobody.get("/admin/").content


def test_a_post_that_makes_no_sense_is_refused() -> None:
    client = superuser()
    added(client)
    assert b"This event was never owed to this endpoint." in (
        client.post(f"{CRM}redeliver/", {"event": "x"}, follow=True).content
    )
