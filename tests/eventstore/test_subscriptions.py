from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction

from eventstore import batching, checkpoints, subscriptions
from eventstore.checkpoints import BUCKETS
from eventstore.errors import UnknownSubscriptionError
from eventstore.events import RecordedEvent
from eventstore.models import Checkpoint
from eventstore.subscriptions import Projection, catch_up, progress
from tests.factories import appended, known_user, renamed

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def failed_buckets_are_due_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "RETRY_SECONDS", 0)


class Heard:
    """A projection that only remembers what it was given.

    At the stream *broken* it runs into trouble of the installation.
    """

    def __init__(self, broken: str = "") -> None:
        self.events: list[tuple[str, int]] = []
        self.broken = broken
        self.projection = Projection(name="heard", apply=self.apply)

    def apply(self, events: Sequence[RecordedEvent]) -> None:
        if any(event.stream == self.broken for event in events):
            message = "no answer about ada@example.com"
            raise ConnectionError(message)
        self.events += [(event.stream, event.version) for event in events]


def history(streams: int, length: int) -> list[tuple[str, int]]:
    names = [f"user-{uuid4()}" for _ in range(streams)]
    for version in range(length):
        for name in names:
            appended(name, renamed(), expected_version=version)
    return [(name, version + 1) for version in range(length) for name in names]


def test_gives_every_event_once_and_each_stream_in_order() -> None:
    everything = history(streams=20, length=3)
    heard = Heard()
    assert catch_up(heard.projection)
    assert catch_up(heard.projection)
    assert sorted(heard.events) == sorted(everything)
    for name in {stream for stream, _ in everything}:
        assert [v for stream, v in heard.events if stream == name] == [1, 2, 3]


def test_reads_on_in_batches_smaller_than_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "BATCH_SIZE", 7)
    everything = history(streams=20, length=3)
    heard = Heard()
    catch_up(heard.projection)
    assert sorted(heard.events) == sorted(everything)
    assert progress(heard.projection).behind == 0


def test_goes_on_where_it_stopped() -> None:
    heard = Heard()
    appended("user-1")
    catch_up(heard.projection)
    appended("user-1", renamed(), expected_version=1)
    catch_up(heard.projection)
    assert heard.events == [("user-1", 1), ("user-1", 2)]


def test_says_so_when_its_time_ran_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BATCH_SIZE", 1)
    history(streams=3, length=2)
    heard = Heard()
    assert not catch_up(heard.projection, seconds=0)
    assert catch_up(heard.projection)
    assert len(heard.events) == 6


def test_a_failing_batch_changes_nothing_and_its_message_is_not_kept() -> None:
    appended("user-1")
    heard = Heard(broken="user-1")
    catch_up(heard.projection)
    found = progress(heard.projection)
    assert (found.position, found.behind, heard.events) == (0, 1, [])
    assert found.error.startswith("ConnectionError at test_subscriptions.py:")
    heard.broken = ""
    catch_up(heard.projection)
    assert (heard.events, progress(heard.projection).error) == ([("user-1", 1)], "")


def test_trouble_of_the_installation_holds_up_its_own_bucket_only() -> None:
    streams = [f"user-{number}" for number in range(60)]
    for name in streams:
        appended(name)
    heard = Heard(broken="user-7")
    assert catch_up(heard.projection)
    for name in streams:
        appended(name, renamed(), expected_version=1)
    assert catch_up(heard.projection)
    held_up = in_the_bucket_of("user-7", streams)
    expected = [(name, v) for name in streams if name not in held_up for v in (1, 2)]
    assert sorted(heard.events) == sorted(expected)
    heard.broken = ""
    catch_up(heard.projection)
    assert sorted(heard.events) == sorted((name, v) for name in streams for v in (1, 2))
    assert progress(heard.projection).error == ""


def test_trouble_does_not_starve_its_neighbours_under_steady_traffic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "RETRY_SECONDS", 3_600)
    streams = [f"user-{number}" for number in range(60)]
    for name in streams:
        appended(name)
    heard = Heard(broken="user-7")
    traffic = iter(range(2, 12))

    def apply_while_others_append(events: Sequence[RecordedEvent]) -> None:
        heard.apply(events)
        if (version := next(traffic, None)) is not None:
            appended("user-0", renamed(), expected_version=version - 1)

    catch_up(Projection(name="heard", apply=apply_while_others_append))
    seen = {stream for stream, _version in heard.events}
    assert sorted(set(streams) - seen) == sorted(in_the_bucket_of("user-7", streams))


def test_a_failed_bucket_is_tried_again_after_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "RETRY_SECONDS", 3_600)
    appended("user-1")
    heard = Heard(broken="user-1")
    catch_up(heard.projection)
    heard.broken = ""
    catch_up(heard.projection)
    assert heard.events == []
    monkeypatch.setattr(checkpoints, "RETRY_SECONDS", 0)
    catch_up(heard.projection)
    assert heard.events == [("user-1", 1)]


def test_a_statement_that_takes_too_long_is_kept_beside_the_checkpoint() -> None:
    appended("user-1")

    def dawdle(events: Sequence[RecordedEvent]) -> None:
        del events
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 10; SELECT pg_sleep(5)")

    projection = Projection(name="slow", apply=dawdle)
    catch_up(projection)
    assert progress(projection).error.startswith("OperationalError (57014) at ")


def in_the_bucket_of(stream: str, streams: list[str]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name"
            " WHERE event_bucket_v1(name) = event_bucket_v1(%s)",
            [streams, stream],
        )
        return {name for (name,) in cursor.fetchall()}


def test_an_event_of_newer_code_is_waited_for_and_never_passed_by() -> None:
    appended("user-1")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE none")
        cursor.execute(
            "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'position', nextval('events_position_seq'), 'version', 2,"
            " 'event_id', gen_random_uuid(), 'type', 'UserTeleported',"
            " 'data', '{}'::jsonb))).*"
            " FROM events AS e"
        )
    heard = Heard()
    catch_up(heard.projection)
    assert heard.events == []
    assert progress(heard.projection).error == (
        "UnreadableEventError: #2 is UserTeleported version 1, which this code cannot"
        " read; deploy the code that can"
    )


def test_a_lost_database_is_not_the_fault_of_an_event() -> None:
    appended("user-1")

    def lose(events: Sequence[RecordedEvent]) -> None:
        del events
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE none")
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    projection = Projection(name="unlucky", apply=lose)
    with pytest.raises(OperationalError):
        catch_up(projection)
    connection.close()
    assert progress(projection).error == ""


def test_two_workers_share_the_buckets_and_give_nothing_twice() -> None:
    everything = history(streams=40, length=5)
    heard = Heard()

    def work() -> None:
        catch_up(heard.projection)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    catch_up(heard.projection)
    assert sorted(heard.events) == sorted(everything)


def test_a_checkpoint_that_moved_under_its_lease_undoes_the_batch() -> None:
    appended("user-1")

    def meddle(events: Sequence[RecordedEvent]) -> None:
        del events
        Checkpoint.objects.filter(subscription="meddled").update(position=-1)

    projection = Projection(name="meddled", apply=meddle)
    catch_up(projection)
    found = progress(projection)
    assert found.position == 0
    assert found.error == (
        "CheckpointMovedError: a checkpoint of meddled moved under its lease"
    )


def test_a_bucket_held_elsewhere_is_skipped_and_the_others_go_on() -> None:
    heard = Heard()
    catch_up(heard.projection)
    streams = [f"user-{number}" for number in range(40)]
    for name in streams:
        appended(name)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            checkpoints.hold("heard", "user-0")
            held.set()
            release.wait()
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    catch_up(heard.projection)
    meanwhile = {stream for stream, _ in heard.events}
    release.set()
    thread.join()
    catch_up(heard.projection)
    assert "user-0" not in meanwhile
    assert len(meanwhile) > 20
    assert {stream for stream, _ in heard.events} == set(streams)


def test_every_bucket_has_a_checkpoint_from_the_first_run() -> None:
    catch_up(Heard().projection)
    rows = Checkpoint.objects.filter(subscription="heard")
    assert sorted(row.bucket for row in rows) == list(range(BUCKETS))


def test_progress_counts_positions_behind_the_watermark() -> None:
    directory = subscriptions.find("directory")
    known_user()
    assert (progress(directory).behind, progress(directory).kind) == (1, "projection")
    catch_up(directory)
    assert progress(directory).behind == 0
    assert progress(subscriptions.find("welcome_email")).kind == "reactor"
    assert progress(subscriptions.find("webhooks")).kind == "courier"


def test_an_unknown_subscription_is_named() -> None:
    with pytest.raises(UnknownSubscriptionError, match="'nobody'"):
        subscriptions.find("nobody")
