from __future__ import annotations

import hmac
import threading
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test import override_settings

from eventstore import repository, store
from eventstore.errors import ConcurrencyError, PayloadError, UnreadableEventError
from eventstore.models import StoredEvent
from tests.factories import ADA, known_user, metadata, renamed
from tests.processes import somebody_waits_for_a_lock, wait_until
from users import bulk, claims, services
from users.aggregate import USER
from users.commands import ChangeEmail, ChangeName, CreateUser, EraseUser
from users.errors import (
    EmailTakenError,
    UserErasedError,
    UserError,
    UserExistsError,
    UserNotFoundError,
)
from users.models import Claim
from users.values import ErasureGround

BOB = UUID(int=2)


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


@pytest.mark.usefixtures("committed_db")
def test_an_append_that_fails_leaves_no_claim_behind() -> None:
    command = CreateUser(user_id=ADA, name="Ada", email="ada@example.com")
    with pytest.raises(PayloadError):
        services.execute(command, metadata(extra={"rate": 1.5}))
    assert claims.holder("ada@example.com") is None
    assert StoredEvent.objects.count() == 0


@pytest.mark.django_db
def test_the_digest_of_a_claim_needs_the_key() -> None:
    with override_settings(CLAIM_KEY="one"):
        one = claims.digest("Ada@Example.com")
    expected = hmac.new(b"two", b"ada@example.com", "sha256").digest()
    with override_settings(CLAIM_KEY="two"):
        assert claims.digest("Ada@Example.com") == expected
    assert one != expected


@pytest.mark.usefixtures("committed_db", "superuser")
def test_a_decision_overtaken_once_is_taken_again() -> None:
    known_user(ADA)
    outcomes: list[services.Outcome] = []

    def overtaken() -> None:
        command = ChangeName(user_id=ADA, name="Second")
        outcomes.append(services.execute(command, metadata()))
        connection.close()

    thread = threading.Thread(target=overtaken)
    with transaction.atomic():
        services.execute(ChangeName(user_id=ADA, name="First"), metadata())
        thread.start()
        wait_until(somebody_waits_for_a_lock)
    thread.join()
    assert [outcome.version for outcome in outcomes] == [3]
    last = store.read_stream(USER.stream(ADA))[-1]
    assert last.payload == renamed("First", "Second")


@pytest.mark.django_db
@pytest.mark.usefixtures("superuser")
def test_old_code_does_not_decide_on_what_newer_code_recorded() -> None:
    known_user(ADA)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'position', nextval('events_position_seq'), 'version', 2,"
            " 'event_id', gen_random_uuid(), 'type', 'UserErased'))).*"
            " FROM events AS e"
        )
    with pytest.raises(UnreadableEventError):
        services.execute(ChangeName(user_id=ADA, name="Zombie"), metadata())
    assert StoredEvent.objects.count() == 2


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


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize(
    "email", ["ada@example.com", "new@example.com", "b@example.com"]
)
@pytest.mark.parametrize("source", ["rest", "salesforce"])
@pytest.mark.parametrize(
    ("who", "refusal"), [(BOB, UserExistsError), (ADA, UserErasedError)]
)
def test_who_is_there_already_is_refused_as_such_whatever_the_address(
    who: UUID, refusal: type[UserError], source: str, email: str
) -> None:
    known_user(ADA, email="ada@example.com")
    known_user(BOB, email="bob@example.com")
    known_user(email="b@example.com")
    erase = EraseUser(user_id=ADA, ground=ErasureGround.REQUEST)
    services.execute(erase, metadata())
    create = CreateUser(user_id=who, name="Ada", email=email)
    told = metadata(source=source)
    with pytest.raises(refusal):
        services.execute(create, told)
    (result,) = bulk.execute_each([bulk.Wanted(command=create, metadata=told)])
    assert type(result) is refusal
