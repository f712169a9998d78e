from __future__ import annotations

import random
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from eventstore import dead_letters, store, subscriptions
from eventstore.circumstances import acting
from eventstore.models import DeadLetter
from projections import directory
from projections.models import DirectoryEntry
from tests.factories import metadata, renamed, user_created
from tests.journeys.cast import Cast
from tests.processes import wait_until
from users.aggregate import USER
from users.events import UserEmailChanged, UserEvent

USERS = 300
VERSIONS = 12  # events a user, in the first half of the story
POISONED = 10  # users who take an address that the table refuses
POISON_AT = 5  # version of that address

# The table refuses some addresses, as a bad constraint would, and remembers every
# version that was committed, in the order in which that happened.
STAGE = """
CREATE TABLE written (place bigserial, user_id uuid, version bigint);
GRANT ALL ON written, written_place_seq TO PUBLIC;
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO written (user_id, version) VALUES (new.user_id, new.version);
    RETURN new;
END $$;
CREATE TRIGGER remember AFTER INSERT OR UPDATE ON projections_directoryentry
FOR EACH ROW EXECUTE FUNCTION remember();
ALTER TABLE projections_directoryentry
ADD CONSTRAINT no_poison CHECK (email NOT LIKE 'poison-%');
"""


def as_owner(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE none")
        cursor.execute(statement)


def behind() -> int:
    return subscriptions.progress(subscriptions.find("directory")).behind


def open_letters() -> int:
    return DeadLetter.objects.filter(closed_at=None).count()


def record(users: list[UUID], poisoned: set[UUID]) -> None:
    """Record everybody's first versions, so that the streams lie interleaved."""
    with transaction.atomic():
        for version in range(VERSIONS):
            for user_id in users:
                is_poison = user_id in poisoned and version == POISON_AT - 1
                store.append(
                    USER.stream(user_id),
                    [poison(user_id) if is_poison else ordinary(user_id, version)],
                    expected_version=version,
                    metadata=metadata(source="salesforce"),
                )


def ordinary(user_id: UUID, version: int) -> UserEvent:
    if version:
        return renamed(new=f"Name {version}")
    return user_created(email=f"{user_id}@example.com")


def poison(user_id: UUID) -> UserEvent:
    email = f"{user_id}@example.com"
    return UserEmailChanged(old_email=email, new_email=f"poison-{email}")


def record_more(users: list[UUID]) -> None:
    for user_id in users:
        store.append(
            USER.stream(user_id),
            [renamed(new="Last")],
            expected_version=VERSIONS,
            metadata=metadata(source="salesforce"),
        )


def versions_written() -> dict[UUID, list[int]]:
    found: dict[UUID, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT user_id, version FROM written ORDER BY place")
        for user_id, version in cursor.fetchall():
            found.setdefault(user_id, []).append(version)
    return found


def only_the_poisoned_wait(users: list[UUID], poisoned: set[UUID]) -> None:
    rows = DirectoryEntry.objects.in_bulk(users)
    versions = {each: row.version for each, row in rows.items()}
    assert versions == {
        each: POISON_AT - 1 if each in poisoned else VERSIONS + 1 for each in users
    }
    letters = DeadLetter.objects.filter(closed_at=None)
    assert {letter.stream for letter in letters} == {USER.stream(u) for u in poisoned}
    assert {letter.version for letter in letters} == {POISON_AT}


def everything_is_the_fold_of_the_log(users: list[UUID]) -> None:
    rows = DirectoryEntry.objects.in_bulk(users)
    for user_id in users:
        derived = directory.fold(store.read_stream(USER.stream(user_id)))
        assert columns(rows[user_id]) == columns(derived)


def columns(row: DirectoryEntry | None) -> list[object]:
    return [getattr(row, field) for field in directory.FIELDS]


def kill_in_the_middle(cast: Cast, left: int) -> None:
    cast.start_worker()
    wait_until(lambda: behind() <= left)
    cast.kill("worker")


@pytest.mark.parametrize("seed", [1])
def test_a_poison_event_stops_its_person_only_and_order_survives_kills(
    cast: Cast, seed: int
) -> None:
    as_owner(STAGE)
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    users = [uuid4() for _ in range(USERS)]
    poisoned = set(chance.sample(users, POISONED))
    record(users, poisoned)
    cast.start_broker()
    cast.start_beat()
    for _ in range(2):
        kill_in_the_middle(cast, behind() - chance.randint(200, 1_200))
    cast.start_worker()
    wait_until(lambda: behind() == 0)
    record_more(users)
    wait_until(lambda: behind() == 0)
    only_the_poisoned_wait(users, poisoned)

    cast.kill("worker")
    as_owner("ALTER TABLE projections_directoryentry DROP CONSTRAINT no_poison")
    (group,) = dead_letters.groups()
    with acting(actor="staff:ada", source="admin", correlation_id=uuid4()):
        assert dead_letters.retry_group(group.fingerprint) == POISONED
    cast.start_worker()
    wait_until(lambda: open_letters() < POISONED)
    cast.kill("worker")
    cast.start_worker()
    wait_until(lambda: open_letters() == 0)

    everything_is_the_fold_of_the_log(users)
    for versions in versions_written().values():
        assert versions == sorted(set(versions))
