"""Analytics over real HTTP: what is told, to whom, and what never is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from eventstore import effects, history, resends, store, subscriptions
from eventstore.circumstances import acting
from eventstore.events import SALESFORCE
from eventstore.models import Checkpoint, Effect
from eventstore.tasks import catch_up
from projections import reprocess
from projections.models import DirectoryEntry
from tests.backoffice import projected
from tests.factories import ADA, appended, known_user, metadata
from tests.receivers import Receiver, receiver
from tests.webhooks import open_loopback
from users import services
from users.aggregate import USER
from users.commands import ChangeName, EraseUser
from users.values import ErasureGround

__all__ = ["open_loopback"]
pytestmark = pytest.mark.usefixtures("committed_db", "open_loopback")


@pytest.fixture
def analytics(settings: LazySettings) -> Iterator[Receiver]:
    with receiver() as known:
        settings.ANALYTICS_URL = known.url
        yield known


def work() -> None:
    catch_up("analytics")


def states() -> list[tuple[str, int, str]]:
    return list(
        Effect.objects.filter(reactor="analytics")
        .order_by("id")
        .values_list("state", "attempts", "error")
    )


def make_due() -> None:
    Effect.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_is_told_a_cloud_event_without_personal_data(analytics: Receiver) -> None:
    user_id = known_user(name="Ada Byron", email="ada@example.com")
    work()
    (told,) = analytics.received
    (event,) = store.read_stream(USER.stream(user_id))
    assert told.headers["content-type"] == "application/cloudevents+json"
    assert told.headers["idempotency-key"] == str(event.event_id)
    body = json.loads(told.body)
    assert (body["specversion"], body["id"]) == ("1.0", str(event.event_id))
    assert (body["type"], body["subject"]) == ("UserCreated", event.stream)
    assert body["data"]["data"] == {"name": "(masked)", "email": "(masked)"}
    assert b"Ada" not in told.body
    assert b"ada@example.com" not in told.body
    assert states() == [("done", 1, "")]


def test_is_told_of_everything_that_happens_to_users_and_of_nothing_else(
    analytics: Receiver,
) -> None:
    user_id = known_user()
    services.execute(ChangeName(user_id=user_id, name="Ada King"), metadata())
    appended("subscription-directory")
    services.execute(
        EraseUser(user_id=user_id, ground=ErasureGround.REQUEST), metadata()
    )
    work()
    told = [json.loads(each.body)["type"] for each in analytics.received]
    # Of what is erased before it was sent nobody is told; of the erasure they are.
    assert told == ["UserErased"]
    assert [state for state, *_rest in states()] == ["cancelled", "cancelled", "done"]


def test_nobody_is_told_without_an_address(settings: LazySettings) -> None:
    settings.ANALYTICS_URL = ""
    known_user()
    work()
    assert states() == []
    assert subscriptions.progress(subscriptions.find("analytics")).behind == 0


def test_what_is_owed_when_the_address_is_taken_away_fails(
    analytics: Receiver, settings: LazySettings
) -> None:
    known_user()
    subscriptions.catch_up(subscriptions.find("analytics"))
    settings.ANALYTICS_URL = ""
    work()
    assert states() == [("failed", 1, "ANALYTICS_URL is not set any more.")]
    assert analytics.received == []


def test_never_goes_inside(analytics: Receiver, settings: LazySettings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    known_user()
    work()
    ((state, attempts, error),) = states()
    assert (state, attempts, analytics.received) == ("pending", 1, [])
    assert error.startswith("127.0.0.1 is inside this network")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (302, "pending"),
        (400, "failed"),
        (401, "pending"),
        (410, "failed"),
        (429, "pending"),
        (503, "pending"),
    ],
)
def test_an_answer_other_than_2xx(analytics: Receiver, status: int, state: str) -> None:
    analytics.status = status
    known_user()
    work()
    assert states() == [(state, 1, f"It answered {status}.")]


def test_a_repeat_after_a_failure_has_the_same_key(analytics: Receiver) -> None:
    analytics.status = 503
    known_user()
    work()
    analytics.status = 202
    make_due()
    work()
    first, second = analytics.received
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert states() == [("done", 2, "")]


def test_a_resend_has_a_key_of_its_own(analytics: Receiver) -> None:
    known_user()
    work()
    with acting(actor="staff:root", source="admin", correlation_id=uuid4()):
        resends.resend(Effect.objects.get().pk, reason="lost over there")
    work()
    first, second = (each.headers["idempotency-key"] for each in analytics.received)
    assert second == f"{first}-1"
    assert states() == [("done", 1, ""), ("done", 1, "")]


def test_replay_rebuild_reprocess_backfill_and_import_tell_nobody(
    analytics: Receiver,
) -> None:
    known_user(ADA)
    work()
    Checkpoint.objects.update(position=0)  # a replay of everything
    catch_up("directory")
    work()
    projected(ADA)
    DirectoryEntry.objects.update(name="wrong")
    with acting(actor="staff:root", source="admin", correlation_id=uuid4()):
        token = reprocess.preview(ADA).token
        reprocess.run(ADA, token=token, reason="drift")
    appended("user-backfilled", source=SALESFORCE)
    imported = appended("user-imported")
    history.mark_imported([imported.position])
    work()
    assert len(analytics.received) == 1
    assert states() == [("done", 1, "")]


def test_two_deliveries_of_the_same_task_at_once_send_once(
    analytics: Receiver,
) -> None:
    for _ in range(5):
        known_user()
    gate = threading.Barrier(4)

    def deliver() -> None:
        gate.wait()
        work()
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work()
    keys = [each.headers["idempotency-key"] for each in analytics.received]
    assert (len(keys), len(set(keys))) == (5, 5)
    assert states() == [("done", 1, "")] * 5
    assert effects.owed() == effects.Owed(pending=0, failed=0)
