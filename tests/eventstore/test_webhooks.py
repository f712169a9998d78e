from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from eventstore import checkpoints, history, store, subscriptions
from eventstore.shown import shown
from eventstore.webhooks import courier, endpoints, message
from eventstore.webhooks.checks import networks_are_networks
from eventstore.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.factories import appended, recorded, renamed, user_created
from tests.receivers import Receiver, hostile, receiver
from tests.webhooks import (
    DAY,
    add,
    audited,
    hooks,
    is_signed,
    let_time_pass,
    open_loopback,
    operator,
    state,
    told,
    work,
)

__all__ = ["hooks", "open_loopback"]
pytestmark = pytest.mark.usefixtures("open_loopback")


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
    assert body["data"]["data"] == {"name": "(masked)", "email": "(masked)"}
    assert body["data"]["metadata"] == {"reason": "(masked)"}
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


def test_nothing_is_noted_once_an_endpoint_has_read_where_it_begins(
    hooks: Receiver,
) -> None:
    appended("user-early")
    work()

    def go_on() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 300")
        appended("user-late")
        with contextlib.suppress(OperationalError):  # it waits for the endpoint
            subscriptions.catch_up(courier.WEBHOOKS)
        connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        end = endpoints._end_of_what_is_noted()  # noqa: SLF001 - what the lock is for
        pool.submit(go_on).result(20)
        found = checkpoints.reached_with("user-late", [endpoints.SUBSCRIPTION])
        assert found == {endpoints.SUBSCRIPTION: end}
    assert end == 1
    assert hooks.received == []


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


def test_one_that_cannot_be_opened_does_not_stop_the_others(
    hooks: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    broken = add("broken", hooks.url, types=["UserCreated"]).endpoint
    add("crm", hooks.url, types=["UserCreated"])
    other = add("other", hooks.url).endpoint
    WebhookEndpoint.objects.filter(pk=broken.pk).update(secret=other.secret)
    with operator():
        endpoints.pause("other", reason="only its secret is wanted")
    appended("user-1")
    work()
    assert told(hooks) == ["user-1"]
    delivery = WebhookDelivery.objects.get(endpoint=broken)
    assert (delivery.state, delivery.attempts) == ("pending", 1)
    found = re.fullmatch(
        r"It could not be made ready \(SealBrokenError at sealing\.py:\d+\)\.",
        delivery.error,
    )
    assert found, delivery.error
    assert endpoints.named("broken").failures == 1
    assert "Ada" not in caplog.text


def test_a_setting_that_is_no_network_fails_attempts_and_stops_nothing(
    hooks: Receiver, settings: LazySettings
) -> None:
    add("crm", hooks.url, types=["UserCreated"])
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.1/8"]
    appended("user-1")
    work()
    assert state() == [("pending", 1, None)]
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    let_time_pass(timedelta(0))
    work()
    assert state() == [("done", 2, 204)]


def test_a_lost_connection_is_nobodys_failed_attempt(hooks: Receiver) -> None:
    connection.ensure_connection()
    line = socket.socket(fileno=os.dup(connection.connection.fileno()))

    def cut(talk: socket.socket, over: threading.Event) -> None:
        del over
        line.shutdown(socket.SHUT_RDWR)
        line.close()
        talk.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with hostile(cut) as port:
        add("crm", f"http://127.0.0.1:{port}/", types=["UserCreated"])
        appended("user-1")
        assert subscriptions.catch_up(courier.WEBHOOKS)
        with pytest.raises(OperationalError):
            courier.bring_due(20)
    connection.close()
    assert state() == [("pending", 0, None)]
    assert hooks.received == []


def test_what_is_no_network_is_an_error_of_the_system_check(
    settings: LazySettings,
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.0.0.0/8", "10.0.0.1/8", "crm.example"]
    found = networks_are_networks()
    assert [(each.id, each.msg) for each in found] == [
        (
            "eventstore.E020",
            f"WEBHOOK_ALLOWED_NETWORKS: '{text}' is no network.",
        )
        for text in ("10.0.0.1/8", "crm.example")
    ]


def test_what_happens_while_an_endpoint_thinks_is_noted_at_once(
    hooks: Receiver,
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def think() -> None:
        is_asked.set()
        may_answer.wait(30)

    hooks.before_answer = think
    add("crm", hooks.url, types=["UserCreated"])
    appended("user-1")
    assert subscriptions.catch_up(courier.WEBHOOKS)

    def bring() -> None:
        courier.bring_due(1)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        brought = pool.submit(bring)
        assert is_asked.wait(30)
        appended("user-2")
        assert subscriptions.catch_up(courier.WEBHOOKS)
        assert WebhookDelivery.objects.count() == 2
        assert not brought.done()
        may_answer.set()
        brought.result()
