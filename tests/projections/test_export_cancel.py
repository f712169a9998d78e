"""An export that is cancelled: once, told once, and nothing of its file is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now
from django.urls import reverse

from eventstore import store, vault
from eventstore.circumstances import acting
from eventstore.exports import keeping, pieces
from eventstore.exports.errors import ExportEndedError, ExportGoneError
from eventstore.exports.events import ExportCancelled
from eventstore.exports.models import Export, ExportPiece
from eventstore.sentences import sentence
from projections.exports import KINDS
from tests.backoffice import in_role, superuser, text
from tests.exports import begun, made, opened, work
from tests.factories import appended
from tests.processes import somebody_waits_for_a_lock, wait_until


@pytest.fixture(autouse=True)
def five_events(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del committed_db
    monkeypatch.setattr(keeping, "BATCH_SIZE", 2)
    for number in range(5):
        appended(f"user-{number}")


def cancel(export: Export, account: int = 1) -> None:
    with acting(actor="staff:root", source="admin", correlation_id=uuid4()):
        keeping.cancel(export.pk, KINDS, account=account)


def told(export: Export) -> list[str]:
    return [event.type for event in store.read_stream(f"export-{export.pk}")]


def is_gone(export: Export) -> bool:
    """Return whether nothing of the file is kept, nor what would open a copy of it."""
    has_pieces = ExportPiece.objects.filter(export_id=export.pk).exists()
    return vault.is_destroyed(f"file-{export.pk}") and not has_pieces


def test_what_waits_or_runs_is_cancelled_and_no_step_follows() -> None:
    waits, runs = begun(), begun(account=2)
    assert not work(runs.pk, rows=2)
    assert ExportPiece.objects.filter(export_id=runs.pk).count() == 1
    for account, export, rows in ((1, waits, 0), (2, runs, 2)):
        cancel(export, account)
        assert work(export.pk)  # there is nothing to do
        export.refresh_from_db()
        assert (export.state, export.rows) == ("cancelled", rows)
        assert is_gone(export)
        (event,) = store.read_stream(f"export-{export.pk}")
        assert event.payload == ExportCancelled(
            what="events", asked="no filter", form="ndjson", rows=rows
        )
        assert sentence(event) == (
            "root cancelled an export of events (no filter) via back office"
        )
    assert opened(made(account=2))[0]["rows"] == 7  # another one may begin


def test_what_the_filter_told_of_a_person_goes_too() -> None:
    export = begun("users", asked={"q": "Ada", "status": "active"})
    cancel(export)
    export.refresh_from_db()
    assert export.asked == {"q": "(masked)", "status": "active"}
    (event,) = store.read_stream(f"export-{export.pk}")
    assert event.data["asked"] == "q=(masked)&status=active"


def test_what_has_ended_is_not_cancelled() -> None:
    export = made()
    for state in ("done", "withdrawn", "failed", "cancelled"):
        Export.objects.filter(pk=export.pk).update(state=state)
        with pytest.raises(ExportEndedError, match=state):
            cancel(export)
    assert told(export) == ["DataExported"]
    assert not is_gone(export)


def test_nobody_cancels_what_is_another_s_or_over() -> None:
    export = begun()
    with pytest.raises(ExportGoneError):
        cancel(export, account=2)
    Export.objects.filter(pk=export.pk).update(expires_at=Now())
    with pytest.raises(ExportGoneError):
        cancel(export)
    assert told(export) == []


def beside(act: Callable[[], Any]) -> tuple[threading.Thread, list[object]]:
    """Begin *act* in a session of its own; what it came to stands in the list."""
    came: list[object] = []

    def run() -> None:
        try:
            came.append(act())
        except ExportEndedError as error:
            came.append(type(error))
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, came


@pytest.mark.usefixtures("superuser")
def test_an_end_that_comes_first_wins() -> None:
    export = begun()
    with transaction.atomic():
        assert work(export.pk)
        thread, came = beside(partial(cancel, export))
        wait_until(somebody_waits_for_a_lock)
    thread.join()
    assert came == [ExportEndedError]
    assert told(export) == ["DataExported"]
    export.refresh_from_db()
    assert opened(export)[0]["rows"] == 5


@pytest.mark.usefixtures("superuser")
def test_to_cancel_waits_for_a_step_and_lets_no_other_follow() -> None:
    export = begun()
    with transaction.atomic():
        assert not work(export.pk, rows=2)
        thread, came = beside(partial(cancel, export))
        wait_until(somebody_waits_for_a_lock)
    thread.join()
    assert came == [None]
    assert work(export.pk)
    assert told(export) == ["ExportCancelled"]
    assert is_gone(export)


@pytest.mark.usefixtures("superuser")
def test_to_cancel_while_the_file_is_hashed_wins(
    caplog: pytest.LogCaptureFixture,
) -> None:
    export = begun()
    with transaction.atomic():
        pieces.hold_alone(export.pk)  # so that nobody hashes it yet
        thread, came = beside(partial(work, export.pk))
        thread.join()
        export.refresh_from_db()
        assert (export.is_written, export.state) == (True, "running")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE eventstore_exportpiece")
        thread, came = beside(partial(work, export.pk))
        wait_until(somebody_waits_for_a_lock)  # to read the first piece
        cancel(export)
    thread.join()
    assert came == [True]
    assert told(export) == ["ExportCancelled"]
    assert is_gone(export)
    export.refresh_from_db()
    assert (export.state, export.error, export.attempts) == ("cancelled", "", 0)
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []


@pytest.mark.usefixtures("superuser")
def test_to_cancel_waits_for_an_erasure_and_comes_too_late() -> None:
    export = begun()
    assert not work(export.pk, rows=2)
    with transaction.atomic():
        pieces.hold(is_shared=False)
        thread, came = beside(partial(cancel, export))
        wait_until(somebody_waits_for_a_lock)
        keeping.withdraw("user-0")
    thread.join()
    assert came == [ExportEndedError]
    assert told(export) == []
    assert is_gone(export)


def test_however_they_race_there_is_one_outcome() -> None:
    for _ in range(8):
        export = begun()
        worker, _came = beside(partial(work, export.pk))
        canceller, _came = beside(partial(cancel, export))
        worker.join()
        canceller.join()
        export.refresh_from_db()
        outcome = {"done": ["DataExported"], "cancelled": ["ExportCancelled"]}
        assert told(export) == outcome[export.state]
        assert is_gone(export) is (export.state == "cancelled")


def test_from_the_page_that_shows_how_far_it_is() -> None:
    client = superuser()
    root = User.objects.get(username="root").pk
    export = begun(account=root)
    url = reverse("admin:export", args=[export.pk])
    assert "Cancel the export" in (text(client.get(url), "progress") or "")
    assert client.get(f"{url}cancel/").status_code == 405
    assert in_role("Lead").post(f"{url}cancel/").status_code == 404
    assert in_role("Viewer").post(f"{url}cancel/").status_code == 403
    answer = client.post(f"{url}cancel/")
    assert (answer.status_code, answer["Location"]) == (303, url)
    page = client.get(url)
    assert "Refresh" not in page
    assert text(page, "progress") is None
    assert (text(page, "cancelled") or "").startswith("Cancelled by root, ")
    assert text(page, "export-event")
    assert client.get(f"{url}file")["Location"] == url
    assert "cancelled" in (text(client.get("/admin/exports/"), "exports") or "")
    again = client.post(f"{url}cancel/")
    assert again["Location"] == url
    said = "Nothing was cancelled: the export had ended before (cancelled)."
    assert said in client.get(url).content.decode()
    assert told(export) == ["ExportCancelled"]
