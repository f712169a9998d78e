from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from eventstore import history, store, subscriptions
from eventstore.circumstances import acting
from eventstore.models import WebhookDelivery, WebhookEndpoint
from eventstore.shown import shown
from eventstore.webhooks import courier, endpoints, message
from eventstore.webhooks.endpoints import Opened
from eventstore.webhooks.errors import (
    AddressError,
    EndpointNameError,
    EndpointStateError,
    UnknownDeliveryError,
    UnknownEndpointError,
    UnknownEventTypeError,
)
from tests.factories import appended, metadata, recorded, renamed, user_created
from tests.receivers import Received, Receiver, receiver

DAY = timedelta(days=1)
DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(autouse=True)
def open_loopback(settings: LazySettings) -> None:
    settings.WEBHOOK_ALLOW_HTTP = True
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def hooks(committed_db: str) -> Iterator[Receiver]:
    del committed_db
    with receiver() as known:
        yield known


def operator() -> AbstractContextManager[None]:
    return acting(actor="staff:ada", source="admin", correlation_id=uuid4())


def add(name: str, url: str, **options: Any) -> Opened:
    with operator():
        return endpoints.add(name, url, **options)


def work() -> None:
    """Do what a worker does when the doorbell rings."""
    assert subscriptions.catch_up(courier.WEBHOOKS)
    assert subscriptions.perform_due(courier.WEBHOOKS)


def is_signed(received: Received, secret: str) -> bool:
    """Verify with the very lines that the documents give to receivers."""
    page = (DOCS / "how-to" / "receive-events.md").read_text("utf-8")
    lines = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(lines, names)  # noqa: S102 - our own document
    return bool(names["verified"](received.headers, received.body, secret))


def told(received: Receiver) -> list[str]:
    return [json.loads(each.body)["subject"] for each in received.received]


def state() -> list[tuple[str, int, int | None]]:
    found = WebhookDelivery.objects.order_by("position")
    return list(found.values_list("state", "attempts", "status"))


def let_time_pass(by: timedelta = DAY) -> None:
    """Make all that waits due, as if it had waited."""
    due = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.update(next_attempt_at=due)
    WebhookEndpoint.objects.update(next_attempt_at=due)
    WebhookEndpoint.objects.update(failing_since=F("failing_since") - by)


def audited() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data ->> 'change', actor FROM events"
            " WHERE type = 'WebhookChanged' ORDER BY position"
        )
        return list(cursor.fetchall())


def test_tells_an_event_signed_in_a_cloud_event(hooks: Receiver) -> None:
    opened = add("crm", hooks.url, types=["UserCreated"], personal=True)
    appended("user-1", user_created(), renamed())
    work()
    (received,) = hooks.received
    event = store.read_stream("user-1")[0]
    body = json.loads(received.body)
    assert body["data"] == shown(event)
    assert {**body, "data": None} == {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": "urn:annals:source:rest",
        "type": "UserCreated",
        "subject": "user-1",
        "time": shown(event)["occurred_at"],
        "datacontenttype": "application/json",
        "dataschema": "urn:annals:event:UserCreated:1",
        "sequence": str(event.position),
        "data": None,
    }
    assert received.headers["content-type"] == "application/cloudevents+json"
    assert received.headers["webhook-id"] == str(event.event_id)
    assert is_signed(received, opened.secret)
    assert not is_signed(received, message.new_secret())
    assert state() == [("done", 1, 204)]


def test_signs_as_the_specification_does() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    content = b'{"test": 2432232314}'
    head = message.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", content, [secret], at=1_614_265_330
    )
    assert head["webhook-signature"] == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_masks_what_an_endpoint_may_not_see() -> None:
    event = recorded(user_created(), metadata={"reason": "called by Ada"})
    body = json.loads(message.body(event, personal=False))
    assert body["data"]["data"] == {"name": "[masked]", "email": "[masked]"}
    assert body["data"]["metadata"] == {"reason": "[masked]"}
    assert b"Ada" not in message.body(event, personal=False)


def test_begins_at_the_watermark_and_leaves_imported_history_out(
    hooks: Receiver,
) -> None:
    appended("user-before")
    add("crm", hooks.url, types=["UserCreated"])
    with transaction.atomic():
        imported = appended("user-imported")
        history.mark_imported([imported.position])
    appended("user-after")
    work()
    assert told(hooks) == ["user-after"]


def test_an_event_that_commits_while_an_endpoint_is_added_is_not_lost(
    hooks: Receiver,
) -> None:
    added = threading.Event()

    def add_it() -> None:
        add("crm", hooks.url, types=["UserCreated"])
        added.set()
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            appended("user-late")
            pool.submit(add_it).result(20)
        work()
    assert told(hooks) == ["user-late"]


def test_tells_each_event_once_however_often_a_worker_runs(hooks: Receiver) -> None:
    add("all", hooks.url)
    appended("user-1")
    for _ in range(3):
        work()
    courier.note(store.read_stream("user-1"))
    work()
    assert sorted(told(hooks)) == ["user-1", f"webhook-{endpoints.named('all').pk}"]


def test_tries_again_with_patience_and_the_same_id(hooks: Receiver) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    appended("user-1")
    hooks.status = 503
    work()
    work()
    assert state() == [("pending", 1, 503)]
    let_time_pass(timedelta(0))
    hooks.status = 200
    work()
    assert state() == [("done", 2, 200)]
    first, second = hooks.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert endpoints.named("crm").failing_since is None


def test_a_failing_endpoint_costs_one_attempt_and_not_one_an_event(
    hooks: Receiver,
) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    for number in range(5):
        appended(f"user-{number}")
    hooks.status = 500
    work()
    assert len(hooks.received) == 1
    assert endpoints.named("crm").failures == 1


def test_one_endpoint_does_not_hold_up_another(hooks: Receiver) -> None:
    with receiver() as broken:
        broken.status = 500
        add("broken", broken.url, types=["UserCreated"])
        add("crm", hooks.url, types=["UserCreated"])
        for number in range(3):
            appended(f"user-{number}")
        work()
    assert told(hooks) == ["user-0", "user-1", "user-2"]
    assert len(broken.received) == 1


def test_gives_a_delivery_up_after_its_last_attempt(
    hooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "RETRY_SECONDS", (1, 1))
    add("crm", hooks.url, types=["UserCreated"])
    appended("user-1")
    hooks.status = 500
    for _ in range(4):
        work()
        let_time_pass(timedelta(0))
    assert state() == [("failed", 3, 500)]
    with operator():
        since = timezone.now() - DAY
        assert courier.redeliver_failed("crm", since=since) == 1
        assert courier.redeliver_failed("crm", since=since) == 0
    hooks.status = 200
    work()
    assert state() == [("done", 1, 200)]
    assert audited()[-1] == ("redelivery ordered", "staff:ada")


def test_is_disabled_when_every_attempt_failed_for_days(hooks: Receiver) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    appended("user-1")
    hooks.status = 500
    work()
    let_time_pass(4 * DAY)
    work()
    assert endpoints.named("crm").state == "active"
    let_time_pass(DAY)
    work()
    endpoint = endpoints.named("crm")
    assert (endpoint.state, endpoint.reason) == (
        "disabled",
        "Every attempt failed for 5 days.",
    )
    assert audited()[-1] == ("disabled", "reactor:webhooks")
    appended("user-2")
    let_time_pass()
    work()
    assert len(hooks.received) == 3
    hooks.status = 200
    with operator():
        endpoints.resume("crm")
    work()
    assert told(hooks)[3:] == ["user-1", "user-2"]


def test_is_disabled_at_once_when_it_says_gone(hooks: Receiver) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    appended("user-1")
    hooks.status = 410
    work()
    assert endpoints.named("crm").reason == "It answered 410: gone for good."


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


def test_an_address_that_came_to_lie_inside_is_not_sent_to(
    hooks: Receiver, settings: LazySettings
) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    appended("user-1")
    work()
    assert (hooks.received, state()) == ([], [("pending", 1, None)])
    error = WebhookDelivery.objects.get().error
    assert error.startswith("127.0.0.1 is inside this network")


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


def test_two_workers_bring_each_delivery_once(hooks: Receiver) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    for number in range(20):
        appended(f"user-{number}")
    assert subscriptions.catch_up(courier.WEBHOOKS)

    def bring() -> None:
        courier.bring_due(20)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(bring) for _ in range(2)]:
            each.result()
    courier.bring_due(20)
    assert sorted(told(hooks)) == sorted(f"user-{number}" for number in range(20))


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
