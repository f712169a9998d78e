from __future__ import annotations

from uuid import UUID, uuid4

from eventstore import rebuilds, store, subscriptions
from eventstore.appends import Append
from eventstore.circumstances import acting
from eventstore.models import Rebuild
from projections import directory
from projections.models import DirectoryEntry
from tests.factories import metadata, renamed, user_created
from tests.journeys.cast import Cast
from tests.processes import wait_until
from users.aggregate import USER

USERS = 1_000
EVENTS_EACH = 20
CHUNK = 5_000


def rebuild() -> Rebuild:
    return Rebuild.objects.get()


def twenty_thousand_events() -> list[UUID]:
    users = [uuid4() for _ in range(USERS)]
    for first in range(0, USERS, 50):
        store.append_many(
            [
                Append(
                    stream=USER.stream(user_id),
                    events=[
                        user_created(email=f"{user_id}@example.com"),
                        *(renamed(new=f"Name {n}") for n in range(EVENTS_EACH - 1)),
                    ],
                    expected_version=0,
                    metadata=metadata(source="salesforce"),
                )
                for user_id in users[first : first + 50]
            ]
        )
    return users


def test_a_worker_killed_in_the_middle_of_a_rebuild_goes_on_where_it_was(
    cast: Cast,
) -> None:
    users = twenty_thousand_events()
    with acting(actor="staff:grace", source="admin", correlation_id=uuid4()):
        rebuilds.start("directory", reason="OPS-1")
    cast.start_broker()
    cast.start_beat()
    for chunks in (1, 2):
        cast.start_worker()
        wait_until(lambda n=chunks: rebuild().done >= n * CHUNK, 60)  # type: ignore[misc]
        cast.kill("worker")
        killed = rebuild()
        assert (killed.state, killed.done % CHUNK) == ("filling", 0)
    store.append(
        USER.stream(users[0]),
        [renamed(new="Late")],
        expected_version=EVENTS_EACH,
        metadata=metadata(),
    )
    cast.start_worker()
    wait_until(lambda: rebuild().comparison is not None, 120)
    wait_until(lambda: subscriptions.progress(directory.DIRECTORY).behind == 0, 60)
    assert (rebuild().state, rebuild().error) == ("ready", "")
    assert rebuild().done == rebuild().total == USERS * EVENTS_EACH
    with acting(actor="staff:grace", source="admin", correlation_id=uuid4()):
        rebuilds.switch("directory")
    rows = DirectoryEntry.objects.in_bulk(users)
    assert len(rows) == DirectoryEntry.objects.count() == USERS
    for user_id in users[:: USERS // 50]:
        derived = directory.fold(store.read_stream(USER.stream(user_id)))
        found = [getattr(rows[user_id], field) for field in directory.FIELDS]
        assert found == [getattr(derived, field) for field in directory.FIELDS]
