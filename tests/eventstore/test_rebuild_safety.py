from __future__ import annotations

from threading import Barrier, Event, Thread
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction

from eventstore import (
    guard,
    rebuilding,
    rebuilds,
    store,
)
from eventstore.circumstances import acting
from eventstore.errors import (
    NoCopyError,
    RebuildRunsError,
    SwitchRefusedError,
)
from eventstore.models import Checkpoint
from projections.directory import DIRECTORY
from projections.models import DirectoryEntry
from tests.backoffice import catch_up
from tests.factories import known_user
from tests.rebuilds import (
    MODELS,
    built,
    done,
    erase,
    found,
    in_threads,
    operator,
    step,
    tables,
    told,
    users_in,
)

__all__ = ["operator"]
pytestmark = pytest.mark.usefixtures("committed_db", "operator")


def test_of_two_starters_at_once_one_is_told_who_was_first() -> None:
    barrier, outcomes = Barrier(2), []

    def starter(actor: str) -> None:
        with acting(actor=actor, source="admin", correlation_id=uuid4()):
            barrier.wait()
            try:
                rebuilds.start("directory", reason="OPS-1")
                outcomes.append((actor, ""))
            except RebuildRunsError as error:
                outcomes.append((actor, str(error)))
        connection.close()

    in_threads(lambda: starter("staff:ada"), lambda: starter("staff:grace"))
    (first,) = [actor for actor, error in outcomes if not error]
    (error,) = [error for _actor, error in outcomes if error]
    assert error == f"Rebuild of directory: already running, started by {first}."
    assert [change for _actor, change, _reason in told()] == ["rebuild started"]
    assert tables() == [("rebuild_next", "projections_directoryentry")]


def test_a_reader_never_sees_an_empty_or_half_table() -> None:
    for _ in range(50):
        known_user()
    catch_up()
    built()
    seen: set[int] = set()
    reads, is_over = [0], Event()

    def reader() -> None:
        while not is_over.is_set():
            seen.add(DirectoryEntry.objects.count())
            reads[0] += 1
        connection.close()

    def switcher() -> None:
        with acting(actor="staff:grace", source="admin", correlation_id=uuid4()):
            for _ in range(5):
                rebuilds.switch("directory")
                rebuilds.switch_back("directory")
        is_over.set()
        connection.close()

    in_threads(reader, reader, switcher)
    assert is_over.is_set()
    assert reads[0] > 10
    assert seen == {50}


@pytest.mark.parametrize("schema", ["", "~rebuild_next"])
def test_no_worker_moves_either_side_while_the_gap_is_closed(
    schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_user()
    catch_up()
    built()
    free: list[int] = []
    watermark = store.watermark

    def look_first() -> int:
        def look() -> None:
            with transaction.atomic():
                mine = Checkpoint.objects.filter(subscription=f"directory{schema}")
                free.append(len(mine.select_for_update(skip_locked=True)))
            connection.close()

        in_threads(look)
        return watermark()

    monkeypatch.setattr(store, "watermark", look_first)
    rebuilds.switch("directory")
    assert free == [0]


@pytest.mark.parametrize("name", MODELS)
def test_whoever_is_erased_is_in_no_table(name: str) -> None:
    filled, ready, kept = (known_user() for _ in range(3))
    catch_up()
    rebuilds.start(name, reason="OPS-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rebuilding, "CHUNK", 3)
        step(name)
    assert users_in(name, "rebuild_next") == {filled, ready, kept}
    rebuilds.pause(name)
    erase(filled)
    assert users_in(name, "rebuild_next") == {ready, kept}
    rebuilds.resume(name)
    done(name)
    rebuilds.pause(name)  # nobody catches up: erasing reaches the table by itself
    erase(ready)
    assert users_in(name, "rebuild_next") == {kept}
    assert MODELS[name].objects.filter(user_id=ready).count() == 0
    rebuilds.resume(name)
    rebuilds.switch(name)
    erase(kept)
    assert users_in(name, "rebuild_kept") == set()
    assert MODELS[name].objects.count() == 0


def test_whoever_is_erased_while_indexes_are_made_is_gone_after_them() -> None:
    stays, goes = known_user(), known_user()
    rebuilds.start("directory", reason="OPS-1")
    while found().state == "filling":
        step("directory")
    assert users_in("directory", "rebuild_next") == {stays, goes}
    erase(goes)  # does not wait for an index
    rebuilds.pause("directory")  # nor does a pause keep the person in there
    done()
    assert found().state == "ready"
    assert users_in("directory", "rebuild_next") == {stays}


def test_a_copy_that_is_gone_is_never_mistaken_for_the_live_table() -> None:
    user_id = known_user()
    built()
    copy = DIRECTORY.copy("rebuild_next")
    rebuilds.cancel("directory")
    with pytest.raises(NoCopyError):
        copy.apply(store.read_stream(f"user-{user_id}"))
    assert DirectoryEntry.objects.count() == 0


def test_columns_that_changed_meanwhile_refuse_the_switch(superuser: None) -> None:
    del superuser
    known_user()
    catch_up()
    built()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE projections_directoryentry ADD extra text")
    with pytest.raises(SwitchRefusedError, match="a migration changed the tables"):
        rebuilds.switch("directory")
    assert found().state == "ready"
    assert told()[-1][1] == "rebuild started"


def test_a_table_in_use_refuses_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilds, "LOCK_SECONDS", 0.2)
    known_user()
    built()
    begun, is_over = Event(), Event()

    def reader() -> None:
        with transaction.atomic():
            DirectoryEntry.objects.count()
            begun.set()
            is_over.wait(20)
        connection.close()

    thread = Thread(target=reader)
    thread.start()
    assert begun.wait(20)
    with pytest.raises(SwitchRefusedError, match="LockNotAvailable; try again"):
        rebuilds.switch("directory")
    is_over.set()
    thread.join()
    rebuilds.switch("directory")
    assert found().state == "switched"


@pytest.mark.parametrize(
    "call",
    [
        "rebuild_begin_v1(ARRAY['events'])",
        "rebuild_begin_v1(ARRAY['projections_nothing'])",
        "rebuild_begin_v1(ARRAY[]::text[])",
        "rebuild_switch_v1(ARRAY['events'], 'rebuild_next')",
        "rebuild_switch_v1(ARRAY['projections_directoryentry'], 'vault')",
        "rebuild_drop_v1(ARRAY['projections_directoryentry'], 'public')",
        "rebuild_drop_v1(ARRAY['eventstore_checkpoint'], 'rebuild_kept')",
    ],
)
def test_the_application_can_make_and_drop_nothing_else(call: str) -> None:
    with (
        connection.cursor() as cursor,
        pytest.raises(
            Exception, match=r"no read model|no tables of ours|no table is named"
        ),
    ):
        cursor.execute(f"SELECT {call}")


def test_the_application_can_make_no_table_of_its_own_there() -> None:
    for schema in ("rebuild_next", "rebuild_kept"):
        with connection.cursor() as cursor, pytest.raises(ProgrammingError):
            cursor.execute(f"CREATE TABLE {schema}.events (position bigint)")
    with connection.cursor() as cursor:
        assert [
            hole.code for hole in guard.holes(cursor) if hole.code == "create"
        ] == []
