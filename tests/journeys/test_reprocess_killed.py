from __future__ import annotations

from uuid import UUID, uuid4

from django.db import transaction

from eventstore import store
from eventstore.models import Effect
from projections import reprocess
from projections.models import DirectoryEntry, ReprocessRun
from tests.factories import metadata, user_created
from tests.journeys.cast import Cast
from tests.processes import wait_until
from tests.repairs import catch_up, everybody, is_fold, started, told_of
from users.aggregate import USER

USERS = 1_500
KILLS = 2


def known() -> list[UUID]:
    everyone = [uuid4() for _ in range(USERS)]
    with transaction.atomic():
        for user_id in everyone:
            store.append(
                USER.stream(user_id),
                [user_created(email=f"{user_id}@example.com")],
                expected_version=0,
                metadata=metadata(source="salesforce"),
            )
    catch_up()
    return everyone


def test_a_run_whose_worker_is_killed_goes_on_and_ends_as_a_clean_fold(
    cast: Cast,
) -> None:
    everyone = known()
    DirectoryEntry.objects.update(name="Broken")
    run = started(everybody())
    owed = Effect.objects.count()
    cast.start_broker()
    cast.start_beat()
    done = 0
    for _ in range(KILLS):
        cast.start_worker()
        wait_until(lambda least=done: _checked() > least, 40)  # type: ignore[misc]
        cast.kill("worker")
        done = _checked()
        run.refresh_from_db()
        assert (run.state, 0 < done < USERS) == ("running", True)
        told = told_of(run.run_id)
        # What is counted is done, and what is done is counted.
        assert len(told.repaired) == told.checked == run.changed == done
        broken = DirectoryEntry.objects.filter(name="Broken").count()
        assert broken == USERS - done
    cast.start_worker()
    wait_until(lambda: ReprocessRun.objects.get().state == "finished", 60)

    run.refresh_from_db()
    told = told_of(run.run_id)
    assert (run.checked, run.changed, run.failed) == (USERS, USERS, 0)
    assert (told.version, told.cursor, told.state) == (
        run.version,
        run.cursor,
        "finished",
    )
    assert told.repaired.keys() == {USER.stream(user_id) for user_id in everyone}
    assert reprocess.preview_many(everybody()).would_change == 0
    assert all(is_fold(user_id) for user_id in everyone[:50])
    assert Effect.objects.count() == owed == 0


def _checked() -> int:
    return ReprocessRun.objects.get().checked
