"""All subscriptions are paused and resumed at once, for one reason, an event each."""

from __future__ import annotations

import re
import threading
from uuid import uuid4

import pytest
from django.db import connection

from config.subscriptions import SUBSCRIPTIONS
from eventstore import pauses, store
from eventstore.circumstances import acting
from eventstore.errors import NoReasonError
from eventstore.models import Pause
from eventstore.subscription_events import SubscriptionChanged
from tests.backoffice import regions, staff, superuser, text

LIST = "/admin/eventstore/subscription/"
NAMES = sorted(each.name for each in SUBSCRIPTIONS)


def changes(name: str) -> list[tuple[str, str, str]]:
    return [
        (event.payload.change, event.payload.reason, event.actor)
        for event in store.read_stream(f"subscription-{name}")
        if isinstance(event.payload, SubscriptionChanged)
    ]


@pytest.mark.django_db
def test_all_that_run_are_paused_and_those_that_are_paused_stay_as_they_are() -> None:
    client = superuser()
    client.post(f"{LIST}analytics/pause/", {"reason": "first"})
    page = client.get(f"{LIST}pause-all/")
    assert "analytics" not in (text(page, "concerned") or "analytics")
    answer = client.post(f"{LIST}pause-all/", {"reason": "OPS-9"}, follow=True)
    count = len(NAMES) - 1
    assert f"{count} subscriptions paused." in answer.content.decode()
    assert sorted(pauses.every()) == NAMES
    assert changes("analytics") == [("paused", "first", "staff:root")]
    assert changes("directory") == [("paused", "OPS-9", "staff:root")]
    said = text(client.get(f"{LIST}resume-all/"), "concerned") or ""
    first = r"analytics , [\d,]+ events? behind; paused by staff:root: first"
    assert re.search(first, said)
    client.post(f"{LIST}resume-all/", {"reason": "over"})
    assert pauses.every() == {}
    assert changes("analytics")[1:] == [("resumed", "over", "staff:root")]
    assert regions(client.get(f"{LIST}resume-all/"), "nothing") == [
        "No subscription is paused. Subscriptions"
    ]
    answer = client.post(f"{LIST}resume-all/", {"reason": "again"}, follow=True)
    assert "0 subscriptions go on." in answer.content.decode()
    assert len(changes("analytics")) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("action", ["pause-all", "resume-all"])
def test_nothing_is_done_without_a_reason_or_the_right(action: str) -> None:
    Pause.objects.create(
        subscription="directory", actor="a", reason="r", paused_at="2026-11-06T12:00Z"
    )
    client = superuser()
    for reason in ("", "   "):
        assert client.post(f"{LIST}{action}/", {"reason": reason}).status_code == 422
    reader = staff("eventstore.view_checkpoint")
    assert reader.post(f"{LIST}{action}/", {"reason": "x"}).status_code == 403
    assert regions(reader.get(LIST), action) == []
    with pytest.raises(NoReasonError):
        pauses.pause_all(NAMES, reason=" ")
    with pytest.raises(NoReasonError):
        pauses.resume_all(NAMES, reason="")
    assert sorted(pauses.every()) == ["directory"]
    assert changes("directory") == []


def test_two_at_once_pause_each_once(committed_db: str) -> None:
    del committed_db
    done: list[str] = []

    def pause() -> None:
        try:
            with acting(actor="staff:eve", source="admin", correlation_id=uuid4()):
                done.extend(pauses.pause_all(reversed(NAMES), reason="x"))
        finally:
            connection.close()

    threads = [threading.Thread(target=pause) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(done) == NAMES
    assert all(len(changes(name)) == 1 for name in NAMES)
