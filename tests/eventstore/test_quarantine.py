from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.utils import timezone

from eventstore import checkpoints, faults, quarantine, subscriptions
from eventstore.errors import CheckpointMovedError, KeyRingError
from eventstore.events import RecordedEvent
from eventstore.models import DeadLetter, Effect
from eventstore.subscriptions import Projection, Reactor, catch_up, progress
from tests.factories import appended, renamed

pytestmark = pytest.mark.usefixtures("committed_db")

STREAMS = [f"user-{number}" for number in range(40)]


class Picky:
    """A projection that cannot bear some events, and remembers the others."""

    def __init__(self, *poison: tuple[str, int]) -> None:
        self.poison = set(poison)
        self.events: list[tuple[str, int]] = []
        self.projection = Projection(name="picky", apply=self.apply)

    def apply(self, events: Sequence[RecordedEvent]) -> None:
        seen = [(event.stream, event.version) for event in events]
        if self.poison & set(seen):
            message = "ada@example.com cannot be shown"
            raise ValueError(message)
        self.events += seen

    def of(self, stream: str) -> list[int]:
        return [version for name, version in self.events if name == stream]


def changed(stream: str, version: int) -> None:
    appended(stream, renamed(), expected_version=version - 1)


def make_due() -> None:
    past = timezone.now() - timedelta(seconds=1)
    DeadLetter.objects.update(next_attempt_at=past)


def letters() -> list[tuple[str, int, str, int]]:
    found = DeadLetter.objects.order_by("position")
    return [(each.stream, each.version, each.state, each.attempts) for each in found]


def test_a_failing_event_sets_its_stream_aside_and_nobody_else_waits() -> None:
    for name in STREAMS:
        appended(name)
        changed(name, 2)
    picky = Picky(("user-7", 1))
    assert catch_up(picky.projection)
    others = [name for name in STREAMS if name != "user-7"]
    assert sorted(picky.events) == sorted((name, v) for name in others for v in (1, 2))
    assert letters() == [("user-7", 1, "waiting", 1)]
    found = progress(picky.projection)
    assert (found.behind, found.error, found.letters) == (0, "", 1)


def test_what_came_before_the_failing_event_is_applied() -> None:
    appended("user-1")
    changed("user-1", 2)
    changed("user-1", 3)
    picky = Picky(("user-1", 2))
    catch_up(picky.projection)
    assert picky.of("user-1") == [1]
    assert letters() == [("user-1", 2, "waiting", 1)]


def test_later_events_of_the_stream_wait_and_are_applied_in_order() -> None:
    appended("user-1")
    picky = Picky(("user-1", 1))
    catch_up(picky.projection)
    for version in range(2, 6):
        changed("user-1", version)
        catch_up(picky.projection)
    assert picky.events == []
    picky.poison.clear()
    make_due()
    catch_up(picky.projection)
    changed("user-1", 6)
    catch_up(picky.projection)
    assert picky.of("user-1") == [1, 2, 3, 4, 5, 6]
    assert letters() == [("user-1", 1, "applied", 1)]


def test_it_is_tried_with_longer_and_longer_pauses_and_then_parked() -> None:
    appended("user-1")
    picky = Picky(("user-1", 1))
    waits = []
    for _attempt in range(quarantine.MAX_ATTEMPTS + 1):
        before = timezone.now()
        catch_up(picky.projection)
        letter = DeadLetter.objects.get()
        waits.append(round((letter.next_attempt_at - before).total_seconds()))
        make_due()
    assert waits[:4] == [5, 10, 20, 40]
    assert letters() == [("user-1", 1, "parked", quarantine.MAX_ATTEMPTS)]


def test_a_letter_keeps_class_and_place_and_nothing_of_the_person() -> None:
    appended("user-1")
    catch_up(Picky(("user-1", 1)).projection)
    letter = DeadLetter.objects.get()
    assert letter.error.startswith("ValueError at test_quarantine.py:")
    kept = " ".join(str(value) for value in vars(letter).values())
    assert "ada" not in kept.casefold()


def test_a_later_event_that_fails_gets_a_letter_of_its_own() -> None:
    appended("user-1")
    changed("user-1", 2)
    changed("user-1", 3)
    picky = Picky(("user-1", 1), ("user-1", 3))
    catch_up(picky.projection)
    picky.poison.remove(("user-1", 1))
    make_due()
    catch_up(picky.projection)
    assert picky.of("user-1") == [1, 2]
    assert letters() == [("user-1", 1, "applied", 1), ("user-1", 3, "waiting", 1)]


def test_a_long_stream_is_worked_off_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "CHUNK", 3)
    appended("user-1")
    picky = Picky(("user-1", 1))
    catch_up(picky.projection)
    for version in range(2, 12):
        changed("user-1", version)
    catch_up(picky.projection)
    picky.poison.clear()
    make_due()
    catch_up(picky.projection)
    assert picky.of("user-1") == list(range(1, 12))


def test_letter_and_checkpoint_are_one_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appended("user-1")

    def lose(name: str, seen: object, reached: int) -> None:
        del seen, reached
        raise CheckpointMovedError(name)

    picky = Picky(("user-1", 1))
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "advance", lose)
        catch_up(picky.projection)
    assert letters() == []
    assert progress(picky.projection).position == 0


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionError(),
        KeyRingError(),
        MemoryError(),
        OperationalError("deadlock detected"),
        ProgrammingError('relation "x" does not exist'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_trouble_of_the_installation_is_no_events_fault(trouble: Exception) -> None:
    assert not faults.is_of_the_event(trouble)


@pytest.mark.parametrize(
    "blamed", [KeyError("x"), ValueError("x"), DataError("x"), IntegrityError("x")]
)
def test_an_event_is_to_blame_for_these(blamed: Exception) -> None:
    assert faults.is_of_the_event(blamed)


@pytest.mark.parametrize(
    "state",
    ["40P01", "40001", "55P03", "57014", "53100"],
    ids=["deadlock", "serialization", "lock", "timeout", "disk"],
)
def test_trouble_of_the_database_parks_nothing(state: str) -> None:
    appended("user-1")

    def fail(events: Sequence[RecordedEvent]) -> None:
        del events
        with connection.cursor() as cursor:
            cursor.execute(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$")

    projection = Projection(name="picky", apply=fail)
    catch_up(projection)
    assert letters() == []
    assert progress(projection).error.startswith(f"OperationalError ({state}) at ")


def test_trouble_during_a_retry_costs_no_attempt() -> None:
    appended("user-1")
    picky = Picky(("user-1", 1))
    catch_up(picky.projection)
    make_due()

    def unreachable(events: Sequence[RecordedEvent]) -> None:
        del events
        raise ConnectionError

    catch_up(Projection(name="picky", apply=unreachable))
    assert letters() == [("user-1", 1, "waiting", 1)]
    assert not DeadLetter.objects.filter(next_attempt_at__lt=timezone.now()).exists()


def test_when_everything_fails_the_code_is_blamed_and_the_rest_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quarantine, "MOST_OPEN", 3)
    for name in STREAMS:
        appended(name)
    picky = Picky(*((name, 1) for name in STREAMS))
    catch_up(picky.projection)
    found = progress(picky.projection)
    assert found.letters <= 3
    assert found.error.startswith("TooManyLettersError: picky has 3 streams")
    picky.poison.clear()
    make_due()
    monkeypatch.setattr(checkpoints, "RETRY_SECONDS", 0)
    catch_up(picky.projection)
    assert sorted(picky.events) == sorted((name, 1) for name in STREAMS)


def test_a_stream_held_by_a_worker_is_tried_another_time() -> None:
    appended("user-1")
    picky = Picky(("user-1", 1))
    catch_up(picky.projection)
    picky.poison.clear()
    make_due()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            checkpoints.hold("picky", "user-1")
            held.set()
            release.wait()
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    catch_up(picky.projection)
    assert picky.events == []
    release.set()
    thread.join()
    catch_up(picky.projection)
    assert picky.events == [("user-1", 1)]


def test_many_workers_apply_a_released_stream_once_and_in_order() -> None:
    appended("user-1")
    picky = Picky(("user-1", 1))
    catch_up(picky.projection)
    for version in range(2, 30):
        changed("user-1", version)
    catch_up(picky.projection)
    picky.poison.clear()
    make_due()

    def work() -> None:
        catch_up(picky.projection)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in range(30, 40):
        changed("user-1", version)
    for thread in threads:
        thread.join()
    catch_up(picky.projection)
    assert picky.of("user-1") == list(range(1, 40))


def test_a_reactor_notes_the_effect_once_its_event_is_understood() -> None:
    subscription = "welcome_email"
    catch_up(subscriptions.find(subscription))
    appended("user-1")
    appended("user-2")
    broken = {"user-1"}

    def wants(event: RecordedEvent) -> bool:
        if event.stream in broken:
            raise LookupError
        return True

    reactor = Reactor(name=subscription, wants=wants, perform=lambda _event, _key: None)
    catch_up(reactor)
    assert [effect.stream for effect in Effect.objects.all()] == ["user-2"]
    broken.clear()
    make_due()
    for _again in range(2):
        catch_up(reactor)
    streams = Effect.objects.order_by("id").values_list("stream", flat=True)
    assert list(streams) == ["user-2", "user-1"]
    assert letters() == [("user-1", 1, "applied", 1)]


def test_an_event_of_a_stream_set_aside_is_not_yet_handled() -> None:
    appended("user-1")
    picky = Picky(("user-1", 1))
    catch_up(picky.projection)
    assert checkpoints.reached_with("user-1", ["picky"]) == {"picky": 0}
    assert checkpoints.reached_for("user-1")["picky"].error.startswith("ValueError")
    assert checkpoints.reached_with("user-2", ["picky"]) == {"picky": 1}
