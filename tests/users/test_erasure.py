from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection

from config.embedded import binaries
from eventstore import effects, erasure, repository, snapshots, store, vault
from eventstore.errors import ConcurrencyError, UnsealedError
from eventstore.events import ERASED, SALESFORCE
from eventstore.integrity import verify
from eventstore.models import Effect, Snapshot, StoredEvent
from eventstore.snapshot_projection import snapshots_of
from eventstore.subscriptions import catch_up
from projections import queries
from projections.directory import DIRECTORY
from projections.models import DirectoryEntry
from tests import databases, rest
from tests.backoffice import superuser, text, user_url
from tests.factories import ADA, known_user, metadata, user_created
from tests.given import given
from users import claims, services
from users.aggregate import USER, User
from users.commands import (
    ChangeEmail,
    ChangeName,
    ChangeStatus,
    CreateUser,
    EraseUser,
)
from users.errors import (
    EmailSuppressedError,
    UserErasedError,
    UserNotFoundError,
)
from users.events import UserErased
from users.models import Claim, Suppression
from users.reactors import WELCOME_EMAIL
from users.values import ErasureGround, Status

ERASE = EraseUser(user_id=ADA, ground=ErasureGround.REQUEST)
GONE = UserErased(ground=ErasureGround.REQUEST)
NAME = "Zephyrine Quackenbush"
EMAIL = "zephyrine.quackenbush@example.com"
USER_2 = UUID(int=2)


def test_a_user_is_erased_for_a_ground() -> None:
    given(user_created()).when(ERASE).then(GONE)


def test_erasing_twice_changes_nothing() -> None:
    given(user_created(), GONE).when(ERASE).then_nothing()


def test_a_stranger_cannot_be_erased() -> None:
    given().when(ERASE).then_refused(UserNotFoundError, user_id=ADA)


@pytest.mark.parametrize(
    "command",
    [
        CreateUser(user_id=ADA, name="Ada", email="ada@example.com"),
        ChangeName(user_id=ADA, name="Ada"),
        ChangeEmail(user_id=ADA, email="ada@example.com"),
        ChangeStatus(user_id=ADA, status=Status.ACTIVE),
    ],
)
def test_nothing_changes_about_an_erased_user(
    command: CreateUser | ChangeName | ChangeEmail | ChangeStatus,
) -> None:
    given(user_created(), GONE).when(command).then_refused(UserErasedError, user_id=ADA)


@pytest.mark.django_db
def test_every_reader_gets_erased() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    suspend = ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason=NAME)
    services.execute(suspend, metadata())
    services.execute(ERASE, metadata())
    assert queries.user(ADA).state == User(
        name=ERASED, email=ERASED, status=Status.ERASED
    )
    first = queries.user(ADA, version=1).state
    assert first == User(name=ERASED, email=ERASED, status=Status.ACTIVE)
    events = [chapter.event for chapter in queries.history(ADA)]
    assert [event.is_erased for event in events] == [True, True, False]
    assert events[1].payload.reason == ERASED


@pytest.mark.django_db
def test_a_lost_race_erases_nobody() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    with pytest.raises(ConcurrencyError):
        services.execute(ERASE, metadata(), expected_version=7)
    assert queries.user(ADA).state == User(name=NAME, email=EMAIL, status=Status.ACTIVE)


@pytest.mark.django_db
def test_the_claim_becomes_a_suppression_that_people_may_pass_and_backfills_not() -> (
    None
):
    known_user(ADA, name=NAME, email=EMAIL)
    services.execute(ERASE, metadata())
    assert not Claim.objects.exists()
    assert Suppression.objects.get().digest == claims.digest(EMAIL)
    again = CreateUser(user_id=USER_2, name=NAME, email=EMAIL.upper())
    with pytest.raises(EmailSuppressedError):
        services.execute(again, metadata(source=SALESFORCE))
    assert services.execute(again, metadata()).changed
    move = ChangeEmail(user_id=known_user(), email="other@example.com")
    assert services.execute(move, metadata(source=SALESFORCE)).changed


@pytest.mark.django_db
def test_no_backfill_moves_somebody_to_the_address_of_an_erased_person() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    services.execute(ERASE, metadata())
    move = ChangeEmail(user_id=known_user(), email=EMAIL)
    with pytest.raises(EmailSuppressedError):
        services.execute(move, metadata(source=SALESFORCE))


@pytest.mark.usefixtures("committed_db")
def test_claims_rebuilt_after_an_erasure_are_the_same() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    known_user(USER_2, name=NAME, email="other@example.com")
    services.execute(ERASE, metadata())
    before = list(Claim.objects.values_list("digest", "stream"))
    assert claims.rebuild().agrees
    assert list(Claim.objects.values_list("digest", "stream")) == before
    assert Suppression.objects.count() == 1


@pytest.mark.usefixtures("committed_db")
def test_read_models_and_snapshots_are_purged_with_the_command() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    catch_up(DIRECTORY)
    take_snapshot()
    services.execute(ERASE, metadata())
    assert not DirectoryEntry.objects.exists()
    assert not Snapshot.objects.exists()
    catch_up(DIRECTORY)
    catch_up(snapshots_of(USER))
    assert not DirectoryEntry.objects.exists()


@pytest.mark.usefixtures("committed_db")
def test_a_row_written_by_a_slow_worker_goes_with_the_erasing_event() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    (created,) = store.read_stream(USER.stream(ADA))
    services.execute(ERASE, metadata())
    DIRECTORY.apply([created])  # read before the erasure, written after it
    assert DirectoryEntry.objects.get().name == NAME
    catch_up(DIRECTORY)
    assert not DirectoryEntry.objects.exists()


@pytest.mark.django_db
def test_snapshots_are_sealed_and_worthless_without_the_key() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    take_snapshot()
    kept = Snapshot.objects.get()
    assert set(kept.state) == {"sealed"}
    assert queries.user(ADA).state == User(name=NAME, email=EMAIL, status=Status.ACTIVE)
    vault.destroy(USER.stream(ADA))
    assert queries.user(ADA).state == User(
        name=ERASED, email=ERASED, status=Status.ACTIVE
    )
    take_snapshot()
    assert Snapshot.objects.count() == 1


@pytest.mark.usefixtures("committed_db")
def test_an_effect_that_was_still_owed_is_cancelled() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    catch_up(WELCOME_EMAIL)
    services.execute(ERASE, metadata())
    effects.perform_due(WELCOME_EMAIL.name, WELCOME_EMAIL.perform)
    assert Effect.objects.get().state == Effect.State.CANCELLED
    assert mail.outbox == []


@pytest.mark.usefixtures("committed_db")
def test_an_older_vault_that_is_restored_does_not_bring_anybody_back() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    stream = USER.stream(ADA)
    with databases.acting_as("none"), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE older_vault AS TABLE vault.subject_key")
    services.execute(ERASE, metadata())
    with databases.acting_as("none"), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE vault.subject_key DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM vault.subject_key")
        cursor.execute("INSERT INTO vault.subject_key SELECT * FROM older_vault")
        for trigger in ("stays_destroyed", "is_never_deleted"):
            cursor.execute(
                "ALTER TABLE vault.subject_key"
                f" ENABLE ALWAYS TRIGGER subject_key_{trigger}"
            )
    assert queries.user(ADA, version=1).state == User(
        name=NAME, email=EMAIL, status=Status.ACTIVE
    )
    assert erasure.undone() == [stream]
    assert (erasure.reapply(), erasure.reapply()) == (1, 0)
    assert vault.find([stream]) == {stream: None}


@pytest.mark.usefixtures("committed_db")
def test_a_whole_dump_holds_neither_name_nor_address(tmp_path: Path) -> None:
    known_user(ADA, name="Somebody", email="somebody@example.com")
    services.execute(ChangeName(user_id=ADA, name=NAME), metadata())
    services.execute(ChangeEmail(user_id=ADA, email=EMAIL), metadata())
    reason = f"{NAME} asked"
    services.execute(
        ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason=reason), metadata()
    )
    for subscription in (DIRECTORY, snapshots_of(USER), WELCOME_EMAIL):
        catch_up(subscription)
    take_snapshot()
    assert NAME in dump(tmp_path)  # the directory has it, as it should
    services.execute(ERASE, metadata())
    catch_up(DIRECTORY)
    text = dump(tmp_path).casefold()
    assert "usererased" in text
    for told in (NAME, EMAIL, "zephyrine", "quackenbush"):
        assert told.casefold() not in text
    last = StoredEvent.objects.order_by("-position")[0].position
    assert verify(first=1, last=last).difference is None


def take_snapshot() -> None:
    loaded = repository.load(USER, ADA)
    assert loaded.last is not None
    assert loaded.recorded_until is not None
    snapshots.take(
        USER,
        USER.stream(ADA),
        state=loaded.state,
        version=loaded.version,
        event_id=loaded.last.event_id,
        recorded_until=loaded.recorded_until,
    )


def dump(folder: Path) -> str:
    file = folder / "dump.sql"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        major = int(cursor.fetchone()[0]) // 10_000
    program = shutil.which("pg_dump", path=str(binaries.find(major).folder))
    assert program is not None
    place = settings.DATABASES["default"]
    environment = {
        "PGHOST": place["HOST"],
        "PGPORT": str(place["PORT"] or 5432),
        "PGUSER": place["USER"],
        "PGPASSWORD": place.get("PASSWORD") or "",
        "PGDATABASE": connection.settings_dict["NAME"],
        "PATH": os.environ["PATH"],
    }
    subprocess.run(  # noqa: S603 - the server's own program
        [program, "--inserts", f"--file={file}"], env=environment, check=True
    )
    return file.read_text()


@pytest.mark.django_db
@pytest.mark.usefixtures("superuser")
def test_who_is_in_the_log_in_clear_cannot_be_erased() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    created = StoredEvent.objects.get()
    created.pk, created.version, created.event_id = None, 2, USER_2
    created.data = {"name": NAME, "email": EMAIL}
    created.save()
    with pytest.raises(UnsealedError, match="recorded before personal data was sealed"):
        services.execute(ERASE, metadata())
    assert queries.user(ADA).state == User(name=NAME, email=EMAIL, status=Status.ACTIVE)


@pytest.mark.django_db
def test_staff_erase_after_typing_the_address_and_no_form_is_left_afterwards() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    client = superuser()
    url = user_url(ADA, "commands/erase-user/")
    asked = {
        "expected_version": "1",
        "ground": "request",
        "confirmation": "other@x.org",
    }
    assert client.post(url, asked).status_code == 422
    assert queries.user(ADA).version == 1
    done = client.post(url, asked | {"confirmation": EMAIL.upper()})
    assert (done.status_code, queries.user(ADA).version) == (303, 2)
    page = client.get(user_url(ADA))
    assert NAME not in page.content.decode()
    assert "This person was erased on" in (text(page, "erased") or "")
    for command in ("erase-user", "change-name"):
        answer = client.get(user_url(ADA, f"commands/{command}/"))
        assert (answer.status_code, answer["Location"]) == (303, user_url(ADA))


@pytest.mark.django_db
def test_clients_erase_and_are_told_that_somebody_is_gone() -> None:
    known_user(ADA, name=NAME, email=EMAIL)
    api = rest.client()
    url = f"/api/v1/users/{ADA}"
    refused = rest.post(api, f"{url}/erase", {"ground": "fun"})
    assert rest.problem(refused)["errors"] == [
        {"pointer": "#/ground", "detail": "Use one of request, retention, unlawful."}
    ]
    assert rest.post(api, f"{url}/erase", {"ground": "request"}).status_code == 202
    assert rest.post(api, f"{url}/erase", {"ground": "request"}).status_code == 200
    for answer in (api.get(url), rest.post(api, f"{url}/name", {"name": NAME})):
        assert rest.problem(answer)["type"] == "urn:annals:problem:user-erased"
        assert answer.status_code == 410
    for event in api.get(f"{url}/events").json()["results"][:-1]:
        assert set(event["data"].values()) == {ERASED}
