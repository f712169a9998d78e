"""What is in the file of an export, and what becomes of it."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries

from eventstore import erasure, store, vault
from eventstore.exports import keeping
from eventstore.exports.errors import ExportGoneError, ExportRunsError
from eventstore.exports.models import Export, ExportPiece
from eventstore.models import StoredEvent
from eventstore.shown import instant
from eventstore.tasks import expire_exports
from projections import tasks
from tests.backoffice import catch_up
from tests.exports import NO_EVENT_FILTER, begun, content, made, opened, work
from tests.factories import ADA, appended, known_user, metadata, renamed, user_created
from tests.rest import client
from users import services
from users.aggregate import USER
from users.commands import EraseUser
from users.scopes import ALL, Scope
from users.values import ErasureGround

pytestmark = pytest.mark.usefixtures("committed_db")
BLIND = {"scopes": sorted(ALL - {Scope.PERSONAL_READ})}
ODD = 'Ünï "quoted", 名前; <b>'


def api_rows(url: str, **token: Any) -> list[dict[str, Any]]:
    """Return every row of a list of the API, the last shown first."""
    api, rows = client(f"reader-{uuid4()}", **token), []
    while url:
        page = api.get(url).json()
        rows += page["results"]
        url = page["next"]
    return rows[::-1]


def ten_events() -> None:
    for number in range(4):
        appended(f"user-{number}", user_created(name=ODD), renamed(ODD, "x"))
    appended("user-9", user_created(), actor="staff:ada", extra={"reason": "Ada"})
    appended("user-8", actor="staff:ada", source="admin")


def erase(user_id: Any) -> None:
    services.execute(
        EraseUser(user_id=user_id, ground=ErasureGround.REQUEST), metadata()
    )


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "BATCH_SIZE", 3)


@pytest.mark.usefixtures("small_steps")
def test_events_are_those_of_the_api_oldest_first() -> None:
    ten_events()
    plain, masked = (api_rows("/api/v1/events?limit=4", **each) for each in ({}, BLIND))
    assert len(plain) == 10
    assert plain != masked
    for number, form in enumerate(("json", "ndjson")):
        export, blind = made(form=form), made(form=form, is_plain=False)
        head, rows = opened(export)
        told, shown = opened(blind)
        assert (rows[:10], shown[:10]) == (plain, masked)
        assert [row["type"] for row in rows[10:]] == ["DataExported"] * 2 * number
        assert (head["personal_data"], told["personal_data"]) == ("shown", "masked")


def test_the_head_says_who_when_what_and_why() -> None:
    ten_events()
    export = made()
    head, _rows = opened(export)
    assert head == {
        "export": str(export.pk),
        "who": "staff:root",
        "when": instant(export.started_at),
        "what": "events",
        "filter": "no filter",
        "reason": "OPS-412",
        "personal_data": "shown",
        "watermark": 10,
        "first_position": 1,
        "last_position": 10,
        "rows": 10,
        "sha256": export.sha256,
    }


@pytest.mark.usefixtures("small_steps")
def test_users_are_those_of_the_api_in_order_of_id() -> None:
    for number in range(7):
        known_user(name=f"{ODD} {number}")
    catch_up()
    for is_plain, token in ((True, {}), (False, BLIND)):
        _head, rows = opened(made("users", is_plain=is_plain))
        listed = api_rows("/api/v1/users", **token)
        assert rows == sorted(listed, key=lambda user: user["id"])
        assert len(rows) == 7


def test_streams_are_in_order_of_name() -> None:
    ten_events()
    catch_up()
    _head, rows = opened(made("streams", asked={"category": "user"}))
    names = [f"user-{number}" for number in (0, 1, 2, 3, 8, 9)]
    assert [row["stream"] for row in rows] == names
    assert [row["version"] for row in rows] == [2, 2, 2, 2, 1, 1]


def test_the_audit_is_what_operators_did() -> None:
    ten_events()
    made()
    _head, (row,) = opened(made("audit", form="csv"))
    assert (row["type"], row["position"]) == ("DataExported", "11")


@pytest.mark.usefixtures("small_steps")
def test_a_filter_holds_and_times_are_in_their_order() -> None:
    ten_events()
    (ninth,) = store.read_stream("user-9")
    since = ninth.recorded_at.isoformat()
    for asked, positions in (
        ({"actor": "staff:ada"}, [9, 10]),
        ({"since": since, "type": ["UserCreated"]}, [9, 10]),
        ({"until": since}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"type": ["UserNameChanged"], "until": since}, [2, 4, 6, 8]),
        ({"stream": "user-8"}, [10]),
        ({"source": "nowhere"}, []),
    ):
        for form in ("csv", "json", "ndjson"):
            _head, rows = opened(made(asked=NO_EVENT_FILTER | asked, form=form))
            assert [int(row["position"]) for row in rows] == positions


def test_a_csv_has_columns_as_chosen_and_local_times_beside() -> None:
    appended("user-1")
    (event,) = store.read_stream("user-1")
    chosen = ["position", "recorded_at", "data"]
    export = made(form="csv", columns=chosen, zone="Asia/Kathmandu")
    head, (row,) = opened(export)
    assert list(row) == ["position", "recorded_at", "recorded_at_local", "data"]
    assert json.loads(row["data"]) == event.data
    assert row["recorded_at"] == instant(event.recorded_at)
    assert row["recorded_at_local"].endswith("+05:45")
    assert (head["rows"], head["first_position"]) == ("1", "1")
    assert (
        opened(made(form="csv", asked={"stream": "x", "type": []} | _rest()))[1] == []
    )


def _rest() -> dict[str, str]:
    return dict.fromkeys(("actor", "source", "correlation", "since", "until"), "")


@pytest.mark.usefixtures("small_steps")
def test_what_is_recorded_meanwhile_is_not_in_it_and_a_killed_step_is_done_again(
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    ten_events()
    export = begun()
    with django_assert_max_num_queries(12):
        assert not work(export.pk, rows=3)
    appended("user-later")

    def killed(*_arguments: Any, **_options: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Export, "save", killed)
        with pytest.raises(SystemExit):
            work(export.pk)
    tasks.export()
    export.refresh_from_db()
    _head, rows = opened(export)
    assert [row["position"] for row in rows] == list(range(1, 11))
    assert export.pieces == 4


def test_the_export_is_an_event_of_whoever_asked() -> None:
    known_user(ADA, name="Ada Byron")
    catch_up()
    export = made("users", asked={"q": "Ada", "status": "active"}, columns=["id"])
    (event,) = store.read_stream(f"export-{export.pk}")
    assert (event.type, event.actor, event.source) == (
        "DataExported",
        "staff:root",
        "admin",
    )
    assert event.data == {
        "what": "users",
        "asked": "q=(masked)&status=active",
        "form": "ndjson",
        "columns": ["id"],
        "personal": True,
        "rows": 1,
        "first": 1,
        "last": 1,
        "until": 1,
        "sha256": export.sha256,
        "reason": "OPS-412",
    }
    assert opened(export)[0]["filter"] == "q=(masked)&status=active"
    assert export.asked == {"q": "(masked)", "status": "active"}


def test_a_file_lies_sealed_and_a_changed_piece_does_not_open() -> None:
    appended("user-1", user_created(name="Ada Byron"))
    export = made()
    assert b"Ada Byron" in content(export)
    piece = ExportPiece.objects.get(export=export, number=1)
    assert "Ada" not in piece.body
    ExportPiece.objects.filter(pk=piece.pk).update(number=2)
    with pytest.raises(ExportGoneError):
        content(export)


def test_erasing_somebody_withdraws_what_shows_them_and_nothing_else() -> None:
    known_user(ADA, name="Ada Byron")
    known_user(name="Grace Hopper")
    catch_up()
    shows = [made(), made("users")]
    created = NO_EVENT_FILTER | {"type": ["UserCreated"]}
    running = begun(account=2, asked=created)
    grace = made("users", asked={"q": "Grace"})
    blind = made(is_plain=False)
    erase(ADA)
    states = [Export.objects.get(pk=each.pk).state for each in (*shows, grace, blind)]
    assert states == ["withdrawn", "withdrawn", "done", "done"]
    assert {each.pk for each in shows}.isdisjoint(
        ExportPiece.objects.values_list("export_id", flat=True)
    )
    assert vault.is_destroyed(f"file-{shows[0].pk}")
    assert work(running.pk)
    after = opened(Export.objects.get(pk=running.pk))[1]
    assert [row["data"].get("name") for row in after] == ["[erased]", "Grace Hopper"]
    for each in shows:
        with pytest.raises(ExportGoneError):
            content(each)


def test_no_piece_is_made_while_somebody_is_being_erased() -> None:
    known_user(ADA, name="Ada Byron")
    export = begun()
    made_it: list[bool] = []

    def make() -> None:
        made_it.append(work(export.pk))
        connections.close_all()

    with transaction.atomic():
        vault.destroy(USER.stream(ADA))
        erasure.forget(USER.stream(ADA))
        worker = threading.Thread(target=make)
        worker.start()
        _wait_for_its_lock(worker)
        assert not ExportPiece.objects.exists()
    worker.join()
    assert made_it == [True]
    assert b"Ada" not in content(Export.objects.get(pk=export.pk))


def _wait_for_its_lock(worker: threading.Thread) -> None:
    waiting = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname ="
        " current_database())"
    )
    with connection.cursor() as cursor:
        while worker.is_alive():
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return


def test_after_a_day_a_file_is_gone_and_its_key_with_it() -> None:
    appended("user-1")
    export, other = made(), made()
    day = {"expires_at": Now() + timedelta(hours=24)}
    assert Export.objects.filter(pk=export.pk, expires_at__lte=day["expires_at"])
    Export.objects.filter(pk=export.pk).update(expires_at=Now())
    with pytest.raises(ExportGoneError):
        keeping.found(export.pk, account=1)
    expire_exports()
    assert list(Export.objects.all()) == [other]
    assert not ExportPiece.objects.filter(export_id=export.pk).exists()
    assert vault.is_destroyed(f"file-{export.pk}")
    assert StoredEvent.objects.filter(type="DataExported").count() == 2


def test_an_account_has_one_running_and_nobody_else_s() -> None:
    appended("user-1")
    export = begun()
    with pytest.raises(ExportRunsError):
        begun()
    other = begun(account=2)
    with pytest.raises(ExportGoneError):
        keeping.found(export.pk, account=2)
    tasks.export()
    assert {each.state for each in Export.objects.all()} == {"done"}
    assert keeping.of(2) == [other]


def test_what_fails_five_times_is_given_up_and_holds_nobody_up() -> None:
    appended("user-1")
    bad, good = begun(asked={}), begun(account=2)
    for _ in range(5):
        tasks.export()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, bad.attempts, good.state) == ("failed", 5, "done")
    assert bad.error.startswith("KeyError")
    assert vault.is_destroyed(f"file-{bad.pk}")
    assert StoredEvent.objects.filter(type="DataExported").count() == 1


def test_a_file_that_was_not_hashed_is_never_done() -> None:
    export = begun()
    with pytest.raises(IntegrityError):
        Export.objects.filter(pk=export.pk).update(state="done")


def test_a_reader_may_go_on_while_the_file_is_fetched() -> None:
    appended("user-1")
    export = made()
    reading = keeping.content(export)
    next(reading)
    keeping.withdraw("user-1")
    with pytest.raises(ExportGoneError):
        list(reading)
