from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from eventstore import store
from eventstore.errors import ConcurrencyError
from eventstore.models import StoredEvent
from tests import rest
from tests.factories import ADA, known_user, metadata, renamed
from tests.processes import somebody_waits_for_a_lock, wait_until
from users import bulk, claims, services
from users.aggregate import USER
from users.bulk import Result, Wanted
from users.commands import ChangeEmail, ChangeName, ChangeStatus, CreateUser
from users.commands import UserCommand as Command
from users.errors import (
    CompanionRefusedError,
    EmailTakenError,
    StatusTransitionError,
    UserNotFoundError,
)
from users.models import Claim
from users.services import Outcome
from users.values import Status

GRACE = UUID("00000000-0000-4000-8000-000000009ace")


def wanted(*commands: Command) -> list[Wanted]:
    return [Wanted(command=each, metadata=metadata()) for each in commands]


def create(user_id: UUID, email: str) -> CreateUser:
    return CreateUser(user_id=user_id, name="Ada Byron", email=email)


def kinds(results: list[Result]) -> list[type]:
    return [type(each) for each in results]


def events_of(user_id: UUID) -> list[str]:
    return [event.type for event in store.read_stream(USER.stream(user_id))]


@pytest.mark.django_db
def test_carries_out_the_commands_for_one_user_in_their_order() -> None:
    steps = wanted(
        create(ADA, "ada@example.com"),
        create(GRACE, "grace@example.com"),
        ChangeName(user_id=ADA, name="Ada King"),
        ChangeName(user_id=ADA, name="Ada King"),
    )
    first, other, second, nothing = bulk.execute_each(steps)
    created, renaming = store.read_stream(USER.stream(ADA))
    assert (created.version, renaming.payload) == (1, renamed())
    assert (
        first
        == second
        == Outcome(
            stream=USER.stream(ADA), version=2, position=renaming.position, changed=True
        )
    )
    assert nothing == Outcome(
        stream=USER.stream(ADA), version=2, position=renaming.position, changed=False
    )
    assert isinstance(other, Outcome)
    assert (other.stream, other.version) == (USER.stream(GRACE), 1)


@pytest.mark.django_db
def test_each_event_keeps_the_circumstances_of_its_own_command() -> None:
    steps = wanted(
        create(ADA, "ada@example.com"), ChangeName(user_id=ADA, name="Ada King")
    )
    bulk.execute_each(steps)
    events = store.read_stream(USER.stream(ADA))
    assert [event.metadata["command"] for event in events] == [
        "CreateUser",
        "ChangeName",
    ]
    assert [event.correlation_id for event in events] == [
        each.metadata.correlation_id for each in steps
    ]
    assert len({event.causation_id for event in events}) == 2


@pytest.mark.django_db
def test_a_refused_command_undoes_its_users_others_and_nobody_elses() -> None:
    known_user(ADA)
    results = bulk.execute_each(
        wanted(
            ChangeName(user_id=ADA, name="Ada King"),
            create(GRACE, "grace@example.com"),
            ChangeStatus(user_id=ADA, status=Status.DEACTIVATED),
            ChangeStatus(user_id=ADA, status=Status.SUSPENDED),
        )
    )
    assert kinds(results) == [
        CompanionRefusedError,
        Outcome,
        CompanionRefusedError,
        StatusTransitionError,
    ]
    assert (events_of(ADA), events_of(GRACE)) == (["UserCreated"], ["UserCreated"])


@pytest.mark.django_db
def test_each_command_may_name_the_version_its_client_has_seen() -> None:
    known_user(ADA)
    known_user(GRACE)
    steps = [
        Wanted(
            command=ChangeName(user_id=user_id, name=name),
            metadata=metadata(),
            expected_version=version,
        )
        for user_id, name, version in (
            (ADA, "Ada King", 1),
            (ADA, "Ada Lovelace", 1),
            (GRACE, "Grace Hopper", 7),
        )
    ]
    first, second, stale = bulk.execute_each(steps)
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    assert isinstance(stale, ConcurrencyError)
    assert (second.version, stale.expected, stale.actual) == (3, 7, 1)
    assert events_of(GRACE) == ["UserCreated"]


@pytest.mark.django_db
@pytest.mark.parametrize("guess", ["Ada Byron", "Ada King"])
def test_a_version_does_not_tell_whether_a_guess_was_right(guess: str) -> None:
    known_user(ADA)
    known = metadata()
    steps = [
        Wanted(command=ChangeName(user_id=ADA, name=guess), metadata=known),
        Wanted(
            command=ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason=""),
            metadata=known,
            expected_version=9,
        ),
    ]
    companion, stale = bulk.execute_each(steps)
    assert isinstance(companion, CompanionRefusedError)
    assert isinstance(stale, ConcurrencyError)
    assert stale.actual == 1


@pytest.mark.django_db
def test_of_two_who_want_one_address_the_first_gets_it() -> None:
    known_user(ADA, email="old@example.com")
    first, second, third = uuid4(), uuid4(), uuid4()
    results = bulk.execute_each(
        wanted(
            create(first, "one@example.com"),
            create(second, "ONE@example.com"),
            ChangeEmail(user_id=second, email="two@example.com"),
            create(third, "old@example.com"),
        )
    )
    assert kinds(results) == [
        Outcome,
        EmailTakenError,
        CompanionRefusedError,
        EmailTakenError,
    ]
    assert claims.holder("one@example.com") == USER.stream(first)
    assert claims.holder("two@example.com") is None
    assert Claim.objects.count() == StoredEvent.objects.count() == 2


@pytest.mark.django_db
def test_an_address_given_up_is_free_for_the_next_one() -> None:
    known_user(ADA, email="ada@example.com")
    results = bulk.execute_each(
        wanted(
            ChangeEmail(user_id=ADA, email="king@example.com"),
            create(GRACE, "Ada@example.com"),
        )
    )
    assert kinds(results) == [Outcome, Outcome]
    assert claims.holder("ada@example.com") == USER.stream(GRACE)
    assert claims.holder("king@example.com") == USER.stream(ADA)
    assert claims.rebuild(dry_run=True).agrees


@pytest.mark.django_db
def test_there_and_back_keeps_the_address() -> None:
    known_user(ADA, email="ada@example.com")
    bulk.execute_each(
        wanted(
            ChangeEmail(user_id=ADA, email="king@example.com"),
            ChangeEmail(user_id=ADA, email="ada@example.com"),
        )
    )
    assert claims.holder("ada@example.com") == USER.stream(ADA)
    assert claims.holder("king@example.com") is None


@pytest.mark.django_db
def test_nobody_is_not_found_and_nothing_is_nothing() -> None:
    (missing,) = bulk.execute_each(wanted(ChangeName(user_id=ADA, name="Nobody")))
    assert isinstance(missing, UserNotFoundError)
    assert bulk.execute_each([]) == []


@pytest.mark.django_db
def test_a_thousand_users_take_few_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    users = [uuid4() for _ in range(1_000)]
    created = wanted(*[create(each, f"{each}@example.com") for each in users])
    with django_assert_num_queries(7):  # snapshots, events, savepoint, claims, append
        results = bulk.execute_each(created)
    assert kinds(results) == [Outcome] * 1_000
    assert StoredEvent.objects.count() == Claim.objects.count() == 1_000


@pytest.mark.usefixtures("committed_db", "superuser")
def test_a_batch_overtaken_is_decided_again() -> None:
    known_user(ADA)
    results: list[Result] = []

    def overtaken() -> None:
        steps = wanted(
            ChangeName(user_id=ADA, name="Second"), create(GRACE, "g@example.com")
        )
        results.extend(bulk.execute_each(steps))
        connection.close()

    thread = threading.Thread(target=overtaken)
    with transaction.atomic():
        services.execute(ChangeName(user_id=ADA, name="First"), metadata())
        thread.start()
        wait_until(somebody_waits_for_a_lock)
    thread.join()
    assert kinds(results) == [Outcome, Outcome]
    last = store.read_stream(USER.stream(ADA))[-1]
    assert (last.version, last.payload) == (3, renamed("First", "Second"))


@pytest.mark.usefixtures("committed_db", "superuser")
def test_an_address_taken_meanwhile_refuses_its_user_alone() -> None:
    results: list[Result] = []

    def overtaken() -> None:
        steps = wanted(create(ADA, "ada@example.com"), create(GRACE, "g@example.com"))
        results.extend(bulk.execute_each(steps))
        connection.close()

    thread = threading.Thread(target=overtaken)
    with transaction.atomic():
        known_user(email="ada@example.com")
        thread.start()
        wait_until(somebody_waits_for_a_lock)
    thread.join()
    assert kinds(results) == [EmailTakenError, Outcome]
    assert events_of(ADA) == []


def test_batches_that_share_users_and_addresses_do_not_lose_or_deadlock(
    committed_db: str,
) -> None:
    del committed_db
    users = [known_user() for _ in range(20)]
    results: list[Result] = []

    def work(number: int) -> None:
        order = users if number % 2 else users[::-1]
        steps = [ChangeName(user_id=each, name=f"Name {number}") for each in order]
        fresh = [create(uuid4(), f"{place}@example.com") for place in range(20)]
        results.extend(bulk.execute_each(wanted(*steps, *fresh[:: 1 - number % 2 * 2])))
        connection.close()

    threads = [threading.Thread(target=work, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [each for each in results if isinstance(each, Outcome) and each.changed]
    refused = [each for each in results if not isinstance(each, Outcome)]
    assert len(results) == 4 * 40
    assert {type(each) for each in refused} <= {EmailTakenError, ConcurrencyError}
    assert StoredEvent.objects.count() == 20 + len(done)
    assert Claim.objects.count() == 20 + 20
    assert claims.rebuild(dry_run=True).agrees


def test_bulk_requests_that_cross_are_all_carried_out(committed_db: str) -> None:
    del committed_db
    users = [known_user() for _ in range(12)]
    api = rest.client()
    statuses: list[int] = []

    def work(number: int) -> None:
        order = users[number:] + users[:number]
        commands: list[dict[str, str]] = [
            {"command": "change_name", "user_id": str(each), "name": f"Ada {number}"}
            for each in (order if number % 2 else order[::-1])
        ]
        commands += [
            {"command": "create_user", "name": "Ada", "email": f"{n % 5}@example.com"}
            for n in range(number, number + 5)
        ]
        headers = {"Idempotency-Key": f"k{number}"}
        url = "/api/v1/users/commands"
        response = rest.post(api, url, {"commands": commands}, headers=headers)
        statuses.append(response.status_code)
        connection.close()

    threads = [threading.Thread(target=work, args=[n]) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [202] * 12
