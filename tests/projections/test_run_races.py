from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connection, transaction

from projections import runs
from projections.models import DirectoryEntry, ReprocessRun, UserPeriod
from tests.factories import metadata
from tests.repairs import (
    as_operator,
    break_period,
    break_row,
    catch_up,
    everybody,
    is_fold,
    ran,
    started,
    told_of,
    users,
)
from users import services
from users.commands import ChangeName

pytestmark = pytest.mark.usefixtures("committed_db")


def renamed(user_id: UUID, name: str) -> None:
    services.execute(ChangeName(user_id=user_id, name=name), metadata())


def test_a_run_and_live_traffic_get_along() -> None:
    everyone = users(40)
    for user_id in everyone:
        break_row(user_id)
    run = started(everybody())

    def write(some: list[UUID]) -> None:
        for turn in range(3):
            for user_id in some:
                renamed(user_id, f"Renamed {turn}")
        connection.close()

    def follow(writers: list[Future[None]]) -> None:
        while not all(each.done() for each in writers):
            catch_up()
        connection.close()

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, everyone[n::2]) for n in range(2)]
        follower = pool.submit(follow, writers)
        while not follower.done():
            runs.go_on(run.run_id)
    assert [each.result() for each in [*writers, follower]] == [None] * 3
    runs.go_on(run.run_id)
    catch_up()
    assert [each for each in everyone if not is_fold(each)] == []


def test_two_workers_share_a_run_and_repair_nobody_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "CHUNK", 3)
    everyone = users(30)
    for user_id in everyone:
        break_row(user_id)
    run = started(everybody())

    def work() -> None:
        runs.go_on(run.run_id)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    runs.go_on(run.run_id)
    run.refresh_from_db()
    told = told_of(run.run_id)
    assert (run.state, run.checked, run.changed) == ("finished", 30, 30)
    assert (told.checked, len(told.repaired)) == (30, 30)


def test_a_user_is_repaired_in_all_read_models_or_in_none(superuser: None) -> None:
    del superuser
    ada, bob = users(2)
    for each in (ada, bob):
        break_row(each)
        break_period(each)
    refuse = f"CHECK (user_id <> '{ada}') NOT VALID"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE projections_userperiod ADD {refuse}")
    run = ran(everybody())
    assert (run.changed, run.failed, is_fold(bob)) == (1, 1, True)
    assert DirectoryEntry.objects.get(user_id=ada).name == "Broken"
    assert UserPeriod.objects.get(user_id=ada).name == "Broken"


def test_who_waits_for_a_run_that_a_worker_holds_gets_it_finished() -> None:
    (ada,) = users(1)
    break_row(ada)
    run = started(everybody())

    def wait() -> None:
        with as_operator():
            runs.finished(run)
        connection.close()

    waiting = threading.Thread(target=wait)
    with transaction.atomic():
        ReprocessRun.objects.select_for_update().get(pk=run.pk)
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join()
    assert (run.state, is_fold(ada)) == ("finished", True)
