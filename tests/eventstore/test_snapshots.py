from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from eventstore import repository, snapshots, store, subscriptions
from eventstore.models import Snapshot
from tests.factories import ADA, appended, known_user, metadata, renamed
from users import services
from users.aggregate import USER, User
from users.commands import ChangeName
from users.values import Status

STREAM = USER.stream(ADA)
pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def every_ten(settings: Settings) -> None:
    settings.SNAPSHOT_EVERY = 10


def live(events: int, user_id: UUID = ADA) -> None:
    """Create a user and rename them until they have so many events."""
    known_user(user_id, email="ada@example.com", name="Ada 1")
    for number in range(2, events + 1):
        rename(number, user_id)


def rename(number: int, user_id: UUID = ADA) -> None:
    services.execute(ChangeName(user_id=user_id, name=f"Ada {number}"), metadata())


def catch_up() -> None:
    subscriptions.catch_up(subscriptions.find("snapshots"))


def kept() -> list[tuple[str, int]]:
    rows = Snapshot.objects.order_by("stream", "version")
    return list(rows.values_list("stream", "version"))


def ada(number: int) -> User:
    return User(name=f"Ada {number}", email="ada@example.com", status=Status.ACTIVE)


def spoil(**values: Any) -> None:
    Snapshot.objects.update(**values)


def test_a_command_takes_none_and_the_subscription_one_a_multiple() -> None:
    live(9)
    catch_up()
    assert kept() == []
    rename(10)
    assert kept() == []
    catch_up()
    rename(11)
    catch_up()
    assert kept() == [(STREAM, 10)]


def test_a_backlog_is_kept_at_its_last_multiple_and_twice_is_once() -> None:
    live(35)
    catch_up()
    before = kept()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventstore_checkpoint SET position = 0")
    catch_up()
    assert (before, kept()) == ([(STREAM, 30)], [(STREAM, 30)])


def test_streams_of_other_aggregates_are_passed_by() -> None:
    appended("parcel-1", *[renamed()] * 10)
    catch_up()
    assert kept() == []
    assert subscriptions.progress(subscriptions.find("snapshots")).error == ""


@pytest.mark.parametrize("head", [9, 10, 11, 19, 20, 25])
def test_a_load_is_the_same_with_snapshots_and_without(head: int) -> None:
    live(head)
    for bound in (None, 5, 10, 15, 20):
        without = repository.load(USER, ADA, version=bound)
        catch_up()
        assert repository.load(USER, ADA, version=bound) == without
    now = repository.load(USER, ADA)
    (last,) = store.read_stream(STREAM, from_version=head)
    assert (now.state, now.version, now.last) == (ada(head), head, last)
    assert now.position == last.position


def test_many_are_loaded_as_each_alone(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    short, stale, nobody = UUID(int=1), UUID(int=2), UUID(int=3)
    live(25)
    known_user(short)
    known_user(stale)
    for number in range(2, 13):
        rename(number, stale)
    catch_up()
    with django_assert_num_queries(2):
        many = repository.load_many(USER, [ADA, short, stale, nobody])
    alone = {each: repository.load(USER, each) for each in (ADA, short, stale, nobody)}
    assert many == alone
    assert [each.version for each in many.values()] == [25, 1, 12, 0]
    Snapshot.objects.filter(stream=USER.stream(stale)).update(event_id=ADA)
    with django_assert_num_queries(3):
        assert repository.load_many(USER, [ADA, short, stale, nobody]) == alone
    assert repository.load_many(USER, []) == {}


def test_a_load_reads_the_tail_in_two_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    live(25)
    catch_up()
    tail = snapshots.load(USER, STREAM)
    assert (tail.version, [event.version for event in tail.events]) == (
        20,
        [21, 22, 23, 24, 25],
    )
    with django_assert_num_queries(2):
        repository.load(USER, ADA)


def test_at_an_instant_only_older_snapshots_count() -> None:
    live(22)
    catch_up()
    events = store.read_stream(STREAM)
    moment = timedelta(microseconds=1)
    for version in (9, 10, 20, 21):
        at = events[version - 1].recorded_at
        assert repository.load(USER, ADA, at=at).state == ada(version)
        assert repository.load(USER, ADA, at=at - moment).state == ada(version - 1)
    tail = snapshots.load(USER, STREAM, at=events[19].recorded_at)
    assert (tail.version, list(tail.events)) == (20, [])
    tail = snapshots.load(USER, STREAM, at=events[19].recorded_at - moment)
    assert tail.version == 0


def test_a_snapshot_in_another_shape_is_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    live(12)
    catch_up()
    states: list[Any] = [{"clear": {"name": 7}}, {"sealed": "x"}, [], "x"]
    for state in states:
        spoil(state=state)
        assert repository.load(USER, ADA).state == ada(12)
    said = [each.message for each in caplog.records if "snapshot" in each.message]
    assert said == ["snapshot ignored"] * 4


def test_a_snapshot_of_other_code_is_ignored_and_replaced() -> None:
    live(12)
    catch_up()
    eve = {"name": "Eve", "email": "e", "status": "active"}
    spoil(fingerprint="other", state={"clear": eve})
    assert repository.load(USER, ADA).state == ada(12)
    for number in range(13, 21):
        rename(number)
    catch_up()
    assert kept() == [(STREAM, 10), (STREAM, 20)]


def test_a_snapshot_of_another_history_is_ignored() -> None:
    live(12)
    catch_up()
    spoil(
        event_id=ADA,
        state={"name": "Eve", "email": "e@example.com", "status": "active"},
    )
    loaded = repository.load(USER, ADA)
    assert (loaded.state, loaded.version) == (ada(12), 12)


def test_a_snapshot_above_a_restored_log_is_ignored() -> None:
    live(12)
    catch_up()
    spoil(version=40)
    loaded = repository.load(USER, ADA)
    assert (loaded.state, loaded.version) == (ada(12), 12)


def test_nobody_has_no_snapshot() -> None:
    loaded = repository.load(USER, ADA)
    assert (loaded.state, loaded.version, loaded.last) == (None, 0, None)


def test_the_check_names_what_differs_from_the_fold() -> None:
    live(22)
    catch_up()
    out = StringIO()
    call_command("check_snapshots", stdout=out)
    eve = {"name": "Eve", "email": "ada@example.com", "status": "active"}
    spoil(state={"clear": eve})
    for options in ([], ["--all"]):
        with pytest.raises(CommandError, match="1 of 1 snapshots differ") as caught:
            call_command("check_snapshots", *options)
        assert str(caught.value).endswith(f"differ:\n{STREAM} v20")
        assert caught.value.returncode == 1
    assert out.getvalue() == "1 snapshots compared, none differs\n"


def test_all_can_be_discarded_at_any_time() -> None:
    other = UUID(int=1)
    for user_id in (ADA, other):
        known_user(user_id)
        for number in range(2, 12):
            rename(number, user_id)
    catch_up()
    assert len(kept()) == 2
    out = StringIO()
    call_command("discard_snapshots", USER.stream(other), stdout=out)
    assert kept() == [(STREAM, 10)]
    call_command("discard_snapshots", "--stale", stdout=out)
    assert kept() == [(STREAM, 10)]
    spoil(fingerprint="other")
    call_command("discard_snapshots", "--stale", stdout=out)
    assert kept() == []
    call_command("discard_snapshots", stdout=out)
    said = [f"{count} snapshots discarded" for count in (1, 0, 1, 0)]
    assert out.getvalue().splitlines() == said
    assert repository.load(USER, ADA).version == 11
