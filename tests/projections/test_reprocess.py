from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection, transaction

from eventstore import browser, checkpoints, subscriptions
from eventstore.errors import UnreadableEventError
from eventstore.searching import EventFilter
from projections import queries, reprocess
from projections.models import DirectoryEntry
from projections.reprocess import StalePreviewError
from tests.factories import ADA, known_user, metadata
from users import services
from users.commands import ChangeName

pytestmark = pytest.mark.usefixtures("committed_db")


def catch_up() -> None:
    subscriptions.catch_up(subscriptions.find("directory"))


@pytest.fixture
def ada(committed_db: str) -> None:
    del committed_db
    known_user(ADA, email="ada@example.com")
    services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())
    catch_up()


def break_row(**values: Any) -> None:
    DirectoryEntry.objects.filter(user_id=ADA).update(**values)


def run(token: str) -> reprocess.Single:
    return reprocess.run(ADA, token=token, reason="ticket 1", metadata=metadata())


@pytest.mark.usefixtures("ada")
def test_a_healthy_row_needs_nothing() -> None:
    found = reprocess.preview(ADA)
    assert (found.action, found.differences, found.events) == ("nothing", [], 2)


@pytest.mark.usefixtures("ada")
def test_shows_exactly_the_broken_fields_and_who_set_the_right_value() -> None:
    break_row(name="Bad", status="suspended")
    found = reprocess.preview(ADA)
    shown = [
        (each.field, each.now, each.after, each.set_by and each.set_by.version)
        for each in found.differences
    ]
    assert found.action == "change"
    assert shown == [
        ("name", "Bad", "Ada King", 2),
        ("status", "suspended", "active", 1),
    ]


@pytest.mark.usefixtures("ada")
def test_a_preview_writes_nothing() -> None:
    break_row(name="Bad")
    head = browser.totals().events
    reprocess.preview(ADA)
    entry = queries.entry(ADA)
    assert entry is not None
    assert (entry.name, browser.totals().events) == ("Bad", head)


@pytest.mark.usefixtures("ada")
def test_a_run_repairs_records_itself_and_sends_nothing() -> None:
    break_row(name="Bad")
    done = run(reprocess.preview(ADA).token)
    entry = queries.entry(ADA)
    page = browser.page(EventFilter(types=["ReadModelReprocessed"]))
    assert entry is not None
    assert (done.action, entry.name) == ("change", "Ada King")
    assert [event.data for event in page.events] == [
        {
            "projection": "directory",
            "subject": f"user-{ADA}",
            "fields": ["name"],
            "reason": "ticket 1",
        }
    ]
    assert mail.outbox == []
    assert reprocess.preview(ADA).action == "nothing"


@pytest.mark.usefixtures("ada")
def test_a_missing_row_is_created_and_a_row_of_nobody_deleted() -> None:
    DirectoryEntry.objects.all().delete()
    found = reprocess.preview(ADA)
    assert found.action == "create"
    run(found.token)
    assert queries.entry(ADA) is not None

    nobody = uuid4()
    DirectoryEntry.objects.filter(user_id=ADA).update(user_id=nobody)
    found = reprocess.preview(nobody)
    assert found.action == "delete"
    reprocess.run(nobody, token=found.token, reason="x", metadata=metadata())
    assert queries.entry(nobody) is None


@pytest.mark.usefixtures("ada")
def test_refuses_when_the_answer_is_no_longer_the_one_shown() -> None:
    break_row(name="Bad")
    token = reprocess.preview(ADA).token
    services.execute(ChangeName(user_id=ADA, name="Ada Lovelace"), metadata())
    with pytest.raises(StalePreviewError):
        run(token)
    entry = queries.entry(ADA)
    assert entry is not None
    assert entry.name == "Bad"


@pytest.mark.usefixtures("ada")
def test_refuses_to_repair_what_is_not_broken() -> None:
    head = browser.totals().events
    with pytest.raises(StalePreviewError):
        run(reprocess.preview(ADA).token)
    assert browser.totals().events == head


@pytest.mark.usefixtures("ada", "superuser")
def test_old_code_does_not_derive_a_row_from_what_newer_code_recorded() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'position', nextval('events_position_seq'), 'version', 3,"
            " 'event_id', gen_random_uuid(), 'type', 'UserTeleported',"
            " 'data', '{}'::jsonb))).*"
            " FROM events AS e WHERE version = 2"
        )
    with pytest.raises(UnreadableEventError):
        reprocess.preview(ADA)


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c"])
def test_refuses_a_token_that_is_not_ours(token: str) -> None:
    break_row(name="Bad")
    with pytest.raises(StalePreviewError):
        run(token)


@pytest.mark.usefixtures("ada")
def test_refuses_a_token_older_than_fifteen_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_row(name="Bad")
    token = reprocess.preview(ADA).token
    monkeypatch.setattr(reprocess, "TOKEN_SECONDS", -1)
    with pytest.raises(StalePreviewError):
        run(token)


@pytest.mark.usefixtures("ada")
def test_a_worker_in_the_users_bucket_is_waited_for() -> None:
    break_row(name="Bad")
    token = reprocess.preview(ADA).token
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            checkpoints.hold("directory", f"user-{ADA}")
            held.set()
            release.wait()
        connection.close()

    def repair() -> None:
        run(token)
        connection.close()

    holder, repairer = (threading.Thread(target=work) for work in (hold, repair))
    holder.start()
    held.wait()
    repairer.start()
    repairer.join(0.2)
    waited = repairer.is_alive()
    release.set()
    holder.join()
    repairer.join()
    entry = queries.entry(ADA)
    assert entry is not None
    assert (waited, entry.name) == (True, "Ada King")
