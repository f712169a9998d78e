"""Several workers at one projection: each has some of its buckets, and they move."""

from __future__ import annotations

from django.db import connection, transaction

from eventstore import checkpoints, store, subscriptions
from eventstore.models import Checkpoint
from projections import directory
from projections.models import DirectoryEntry
from tests.journeys.cast import Cast
from tests.journeys.test_worker_killed import (
    USERS,
    behind,
    columns,
    ten_thousand_events,
)
from tests.processes import wait_until
from users.aggregate import USER

PATIENCE = 60  # seconds, on a busy machine


def held() -> set[int]:
    """Return the buckets of the directory that somebody has leased."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket FROM eventstore_checkpoint WHERE subscription = 'directory'"
            " FOR UPDATE SKIP LOCKED"
        )
        free = {bucket for (bucket,) in cursor.fetchall()}
    return set(range(checkpoints.BUCKETS)) - free


def late() -> set[int]:
    found = Checkpoint.objects.filter(subscription="directory")
    behind_it = found.filter(position__lt=store.watermark())
    return set(behind_it.values_list("bucket", flat=True))


def frozen_in_a_batch(cast: Cast, name: str) -> set[int]:
    """Freeze a worker while it holds buckets, and return those."""

    def froze() -> bool:
        cast.freeze(name)
        if held():
            return True
        cast.thaw(name)
        return False

    wait_until(lambda: late() and froze(), PATIENCE)
    return held()


def test_a_second_worker_takes_what_is_free_and_inherits_when_the_first_is_killed(
    cast: Cast,
) -> None:
    users = ten_thousand_events()
    subscription = subscriptions.find("directory")
    checkpoints.ensure(subscription.name)
    cast.settings = {"BATCH_TARGET_MS": "50"}  # many small batches
    cast.start_broker()
    cast.start_beat()
    cast.start_worker("first", threads=1)
    mine = frozen_in_a_batch(cast, "first")
    assert len(mine) == checkpoints.LEASED_BUCKETS

    cast.start_worker("second", threads=1)
    wait_until(lambda: late() == mine, PATIENCE)
    assert held() == mine

    cast.kill("first")
    wait_until(lambda: behind() == 0, PATIENCE)

    rows = DirectoryEntry.objects.in_bulk(users)
    assert len(rows) == USERS
    for user_id in users:
        derived = directory.fold(store.read_stream(USER.stream(user_id)))
        assert columns(rows[user_id]) == columns(derived)
