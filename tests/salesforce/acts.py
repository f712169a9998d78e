"""What an operator can do about Salesforce, as a request and as an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from eventstore import store
from eventstore.circumstances import acting
from eventstore.events import ANY, SALESFORCE
from tests.factories import ADA
from tests.salesforce.here import SET
from users.aggregate import USER
from users.models import SalesforceConflict, SalesforceLink, SalesforceRun
from users.sources.salesforce import conflicts
from users.sources.salesforce.events import SalesforceConflictOpened

Act = Callable[[Client], Any]
WHY = "ticket OPS-412"
RECORD = "003000000000001AAA"


def start(client: Client) -> Any:
    told = settings.SALESFORCE | SET | {"LOGIN_URL": "http://127.0.0.1:9"}
    with override_settings(SALESFORCE=told):
        form = {"mode": "full", "reason": WHY}
        return client.post(reverse("admin:start_salesforce_run"), form)


def fetch(client: Client) -> Any:
    linked(ADA)
    told = settings.SALESFORCE | SET | {"LOGIN_URL": "http://127.0.0.1:9"}
    with override_settings(SALESFORCE=told):
        return client.post(reverse("admin:fetch_salesforce_record", args=[ADA]))


def linked(user_id: UUID) -> SalesforceLink:
    """Let a record tell of a user."""
    now = timezone.now()
    return SalesforceLink.objects.create(
        sf_id=RECORD,
        sobject="Contact",
        user_id=user_id,
        stamp=now,
        modified=now,
        state="linked",
    )


def steer(*actions: str) -> Act:
    def acted(client: Client) -> Any:
        start(client)
        answer: Any = None
        for action in actions:
            run_id = SalesforceRun.objects.get().run_id
            url = reverse("admin:steer_salesforce_run", args=[run_id, action])
            answer = client.post(url, {"reason": WHY})
        return answer

    return acted


def disputed() -> SalesforceConflict:
    """Let Salesforce say another name of Ada than we do."""
    opened = SalesforceConflictOpened(
        record=RECORD,
        user=USER.stream(ADA),
        attribute="name",
        kind="differs",
        base="Ada Byron",
        ours="Ada Secret",
        theirs="Ada Secret Lovelace",
    )
    with acting(actor="system:tests", source=SALESFORCE, correlation_id=uuid4()):
        appended = store.append(
            conflicts.stream_of(RECORD), [opened], expected_version=ANY
        )
    return SalesforceConflict.objects.create(
        sf_id=RECORD,
        user_id=ADA,
        attribute="name",
        kind="differs",
        version=appended.version,
        opened_at=timezone.now(),
    )


def settle(client: Client) -> Any:
    row = disputed()
    url = reverse("admin:settle_salesforce_conflict", args=[row.pk])
    said = {"winner": conflicts.OURS, "reason": WHY, "version": row.version}
    return client.post(url, said)


# Acts that only another one makes possible; how many those are.
PREPARED = {
    "pause a Salesforce run": 1,
    "resume a Salesforce run": 2,
    "cancel a Salesforce run": 1,
}
# What is done, the type of the event, and what the event says of it.
ACTS: dict[str, tuple[Act, str, dict[str, Any]]] = {
    "start a Salesforce run": (
        start,
        "SalesforceRunStarted",
        {"mode": "full", "reason": WHY},
    ),
    "fetch the record of a user": (
        fetch,
        "SalesforceRunStarted",
        {"mode": "record", "ids": [RECORD]},
    ),
    "pause a Salesforce run": (
        steer("pause"),
        "SalesforceRunHeld",
        {"state": "paused_user", "reason": WHY},
    ),
    "resume a Salesforce run": (
        steer("pause", "resume"),
        "SalesforceRunResumed",
        {"is_approved": False, "reason": WHY},
    ),
    "cancel a Salesforce run": (
        steer("cancel"),
        "SalesforceRunEnded",
        {"state": "cancelled", "reason": WHY},
    ),
    "settle a conflict": (
        settle,
        "SalesforceConflictResolved",
        {"winner": "ours", "reason": WHY},
    ),
}
