"""An installation that may send to the loopback, and who looks after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from eventstore import subscriptions
from eventstore.circumstances import acting
from eventstore.webhooks import courier, endpoints
from eventstore.webhooks.endpoints import Opened
from eventstore.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.receivers import Received, Receiver, receiver

DAY = timedelta(days=1)
DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture
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
