from __future__ import annotations

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from eventstore import store, subscriptions
from eventstore.tasks import prune
from eventstore.webhooks import courier, endpoints
from eventstore.webhooks.errors import (
    AddressError,
    EndpointNameError,
    EndpointStateError,
    UnknownDeliveryError,
    UnknownEndpointError,
    UnknownEventTypeError,
)
from eventstore.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.backoffice import attribute, hidden, superuser, text
from tests.factories import appended, metadata
from tests.receivers import Receiver
from tests.webhooks import (
    add,
    audited,
    hooks,
    is_signed,
    open_loopback,
    operator,
    state,
    told,
    work,
)

LIST_URL = "/admin/eventstore/webhook/"
CRM_URL = f"{LIST_URL}crm/"
__all__ = ["hooks", "open_loopback"]
pytestmark = pytest.mark.usefixtures("open_loopback")


def test_both_secrets_sign_for_a_day_after_a_rotation(hooks: Receiver) -> None:
    old = add("crm", hooks.url, types=["UserCreated"]).secret
    with operator():
        new = endpoints.rotate("crm", seen=1).secret
        with pytest.raises(EndpointStateError):
            endpoints.rotate("crm", seen=1)
    appended("user-1")
    work()
    WebhookEndpoint.objects.update(old_secret_until=timezone.now())
    appended("user-2")
    work()
    both, one = hooks.received
    assert [is_signed(both, each) for each in (old, new)] == [True, True]
    assert [is_signed(one, each) for each in (old, new)] == [False, True]


def test_what_ended_long_ago_is_forgotten_and_never_brought_again(
    hooks: Receiver, settings: LazySettings
) -> None:
    settings.WEBHOOK_DELIVERIES_DAYS = 30
    add("crm", hooks.url, types=["UserCreated"])
    for number in range(3):
        appended(f"user-{number}")
    work()
    days = {2: 29, 3: 30}
    for position, age in days.items():
        WebhookDelivery.objects.filter(position=position).update(
            finished_at=timezone.now() - timedelta(days=age)
        )
    WebhookDelivery.objects.filter(position=4).update(
        state="pending",
        finished_at=None,
        created_at=timezone.now() - timedelta(days=99),
        next_attempt_at=timezone.now() + timedelta(days=1),
    )
    prune()
    work()
    left = WebhookDelivery.objects.order_by("position").values_list("position")
    assert [position for (position,) in left] == [2, 4]
    assert told(hooks) == ["user-0", "user-1", "user-2"]


def test_a_pause_keeps_what_is_owed(hooks: Receiver) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    with operator():
        endpoints.pause("crm", reason="moving house")
        with pytest.raises(EndpointStateError):
            endpoints.pause("crm", reason="")
    appended("user-1")
    work()
    assert (told(hooks), state()) == ([], [("pending", 0, None)])
    with operator():
        endpoints.resume("crm")
        with pytest.raises(EndpointStateError):
            endpoints.resume("crm")
    work()
    assert told(hooks) == ["user-1"]
    assert audited() == [
        ("added", "staff:ada"),
        ("paused", "staff:ada"),
        ("resumed", "staff:ada"),
    ]


def test_one_event_can_be_brought_again(hooks: Receiver) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    appended("user-1")
    work()
    (event,) = store.read_stream("user-1")
    with operator():
        courier.redeliver("crm", event.event_id)
        with pytest.raises(UnknownDeliveryError):
            courier.redeliver("crm", uuid4())
    work()
    assert told(hooks) == ["user-1", "user-1"]


def test_removing_forgets_the_endpoint_and_not_the_log(hooks: Receiver) -> None:
    add("crm", hooks.url)
    appended("user-1")
    with operator():
        endpoints.remove("crm")
    work()
    assert (WebhookEndpoint.objects.count(), hooks.received) == (0, [])
    assert audited() == [("added", "staff:ada"), ("removed", "staff:ada")]
    with pytest.raises(UnknownEndpointError):
        endpoints.named("crm")


def test_refuses_an_endpoint_that_makes_no_sense(hooks: Receiver) -> None:
    add("crm", hooks.url)
    for name in ("crm", "", "a/b", "x" * 101):
        with pytest.raises(EndpointNameError):
            add(name, hooks.url)
    with pytest.raises(UnknownEventTypeError):
        add("other", hooks.url, types=["UserSold"])
    with pytest.raises(AddressError):
        add("other", "https://10.0.0.1/")
    assert [each.name for each in endpoints.every()] == ["crm"]


def test_the_command_does_it_all(hooks: Receiver) -> None:
    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command("webhook", "--actor", "operator:ada", *arguments, stdout=out)
        return out.getvalue()

    secret = run("add", "crm", hooks.url, "--type", "UserCreated").splitlines()[1]
    appended("user-1")
    (event,) = store.read_stream("user-1")
    work()
    assert is_signed(hooks.received[0], secret)
    assert run("list") == f"crm: active, 0 pending, 0 failed, {hooks.url}\n"
    assert run("deliveries", "crm", "--state", "done") == (
        f"#{event.position} {event.event_id} UserCreated done, attempts 1, status 204\n"
    )
    run("redeliver", "crm", "--event", str(event.event_id))
    assert run("redeliver", "crm", "--failed-since", "2026-01-01") == (
        "0 to be brought again.\n"
    )
    run("pause", "crm", "--reason", "OPS-1")
    assert run("list").startswith("crm: paused (OPS-1), 1 pending")
    run("resume", "crm")
    run("rotate", "crm")
    run("remove", "crm")
    assert {actor for _, actor in audited()} == {"operator:ada"}
    with pytest.raises(CommandError, match="No endpoint is called 'crm'"):
        run("pause", "crm")


def test_no_secret_leaves_the_table(hooks: Receiver) -> None:
    opened = add("crm", hooks.url)
    assert opened.secret not in str(opened.endpoint)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(data::text || metadata::text, '') FROM events"
        )
        assert opened.secret not in cursor.fetchone()[0]
    assert metadata().actor == "client:tests"


def test_deliveries_are_shown_and_brought_again(
    committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del committed_db
    monkeypatch.setattr(courier, "RETRY_SECONDS", ())
    client = superuser()
    form = {"name": "crm", "url": "http://127.0.0.1:1/", "personal": "no"}
    client.post("/admin/eventstore/add-webhook/", {**form, "types": ["UserCreated"]})
    appended("user-1")
    assert subscriptions.catch_up(courier.WEBHOOKS)
    courier.bring_due(5)
    shown = client.get(CRM_URL, {"state": "failed"})
    row = str(text(shown, "deliveries"))
    assert "UserCreated Failed — 1" in row
    assert "It could not be reached (ConnectError)." in row
    assert text(shown, "failed") == "1"
    assert text(client.get(CRM_URL, {"state": "done"}), "deliveries") == (
        "Newest deliveries Status any Pending Done Failed Apply"
        " Nothing is owed here yet."
    )
    client.post(f"{CRM_URL}redeliver/", {"event": hidden(shown, "event")})
    assert text(client.get(CRM_URL), "pending") == "1"
    client.post(f"{CRM_URL}redeliver-failed/")
    assert attribute(client.get(LIST_URL), "webhooks-table", "class") == "list"
