from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connection

from eventstore import repository, store
from eventstore.errors import ConcurrencyError
from eventstore.models import StoredEvent
from tests.factories import ADA, known_user, metadata, renamed
from users import claims, services
from users.aggregate import USER
from users.commands import ChangeEmail, ChangeName, CreateUser
from users.errors import EmailTakenError, UserNotFoundError
from users.models import Claim


@pytest.mark.django_db
def test_carries_out_a_command_and_says_where_it_stands() -> None:
    known_user(ADA)
    outcome = services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())
    (_created, event) = store.read_stream(USER.stream(ADA))
    assert event.payload == renamed("Ada Byron", "Ada King")
    assert outcome == services.Outcome(
        stream=USER.stream(ADA), version=2, position=event.position, changed=True
    )


@pytest.mark.django_db
def test_a_command_that_changes_nothing_records_nothing_and_says_so() -> None:
    known_user(ADA)
    (created,) = store.read_stream(USER.stream(ADA))
    outcome = services.execute(ChangeName(user_id=ADA, name="Ada Byron"), metadata())
    assert outcome == services.Outcome(
        stream=created.stream, version=1, position=created.position, changed=False
    )
    assert StoredEvent.objects.count() == 1


@pytest.mark.django_db
def test_a_refusal_records_nothing() -> None:
    with pytest.raises(UserNotFoundError):
        services.execute(ChangeName(user_id=ADA, name="Ada"), metadata())
    assert StoredEvent.objects.count() == 0


@pytest.mark.django_db
def test_refuses_a_writer_who_named_an_older_version() -> None:
    known_user(ADA)
    services.execute(ChangeName(user_id=ADA, name="Ada King"), metadata())
    with pytest.raises(ConcurrencyError) as caught:
        services.execute(
            ChangeName(user_id=ADA, name="Mine"), metadata(), expected_version=1
        )
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert StoredEvent.objects.count() == 2


@pytest.mark.django_db
def test_two_users_cannot_hold_one_address_however_it_is_spelled() -> None:
    known_user(email="Ada@Example.com")
    with pytest.raises(EmailTakenError):
        known_user(email="ada@example.COM")
    assert StoredEvent.objects.count() == 1
    assert Claim.objects.count() == 1


@pytest.mark.django_db
def test_an_address_given_up_is_free_again() -> None:
    first = known_user(email="ada@example.com")
    services.execute(ChangeEmail(user_id=first, email="king@example.com"), metadata())
    second = known_user(email="ada@example.com")
    assert claims.holder("ADA@example.com") == USER.stream(second)
    assert claims.holder("king@example.com") == USER.stream(first)
    assert claims.holder("nobody@example.com") is None


@pytest.mark.django_db
def test_a_new_spelling_of_ones_own_address_keeps_the_claim() -> None:
    user_id = known_user(email="ada@example.com")
    services.execute(ChangeEmail(user_id=user_id, email="Ada@example.com"), metadata())
    assert claims.holder("ada@example.com") == USER.stream(user_id)
    assert Claim.objects.count() == 1


@pytest.mark.django_db
def test_a_refused_change_of_address_leaves_both_claims_alone() -> None:
    first = known_user(email="one@example.com")
    second = known_user(email="two@example.com")
    with pytest.raises(EmailTakenError):
        services.execute(
            ChangeEmail(user_id=first, email="two@example.com"), metadata()
        )
    assert claims.holder("one@example.com") == USER.stream(first)
    assert claims.holder("two@example.com") == USER.stream(second)


@pytest.mark.django_db
def test_carries_out_all_commands_or_none() -> None:
    good = CreateUser(user_id=uuid4(), name="Ada", email="ada@example.com")
    bad = ChangeName(user_id=uuid4(), name="Nobody")
    with pytest.raises(UserNotFoundError):
        services.execute_all([(good, metadata()), (bad, metadata())])
    assert StoredEvent.objects.count() == 0
    outcomes = services.execute_all([(good, metadata())])
    assert [outcome.version for outcome in outcomes] == [1]


def test_racing_writers_who_named_no_version_all_succeed_or_are_told(
    committed_db: str,
) -> None:
    del committed_db
    known_user(ADA)
    told: list[str] = []

    def rename(number: int) -> None:
        try:
            services.execute(ChangeName(user_id=ADA, name=f"Ada {number}"), metadata())
            told.append("done")
        except ConcurrencyError:
            told.append("conflict")
        finally:
            connection.close()

    threads = [threading.Thread(target=rename, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loaded = repository.load(USER, ADA)
    assert len(told) == 8
    assert loaded.version == 1 + told.count("done")


def test_of_racing_claims_on_one_address_exactly_one_is_granted(
    committed_db: str,
) -> None:
    del committed_db
    told: list[str] = []

    def create() -> None:
        try:
            known_user(email="ada@example.com")
            told.append("created")
        except EmailTakenError:
            told.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["created"] + ["taken"] * 7
    assert StoredEvent.objects.count() == 1
