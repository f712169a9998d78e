from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from eventstore import turns, waking
from eventstore.doorbell import doorbell
from eventstore.models import Effect, Turn
from eventstore.turns import TurnLostError
from eventstore.waking import Lane
from projections.models import DirectoryEntry
from tests.factories import known_user

pytestmark = pytest.mark.usefixtures("committed_db")


def test_the_turn_of_a_dead_worker_ends() -> None:
    known_user()
    assert turns.take(Lane.READ_MODELS)
    for _ in range(2):
        assert not waking.look_after(Lane.READ_MODELS, print)
    Turn.objects.update(held_until=Now())
    assert waking.look_after(Lane.READ_MODELS, print)
    assert DirectoryEntry.objects.count() == 1


def test_a_turn_is_held_the_second_time_as_the_first() -> None:
    for _ in range(3):
        turn = turns.take("x")
        assert turn
        assert turns.take("x") is None
        assert turn.end()  # it was wanted
        assert turns.take("x") is None
        assert turn.end()
        assert not turn.end()


def test_a_clock_that_was_set_back_holds_up_nobody() -> None:
    assert turns.take("x")
    Turn.objects.update(held_until=Now() + timedelta(hours=1))
    assert turns.take("x")
    assert turns.take("x") is None


def test_who_was_too_slow_ends_nobody_elses_turn() -> None:
    slow = turns.take("x")
    Turn.objects.update(held_until=Now())
    quick = turns.take("x")
    assert slow
    assert quick
    with pytest.raises(TurnLostError):
        slow.end()
    assert slow.give_up()  # the other passed by what it held
    assert turns.take("x") is None
    assert quick.give_up()


def test_who_finds_another_at_it_has_nothing_to_do_and_is_not_forgotten() -> None:
    known_user(email="ada@example.com")
    answers: list[bool] = []

    def ring_meanwhile(name: str) -> None:
        assert name == "welcome_email"
        known_user(email="bob@example.com")  # after the look at everybody
        with CaptureQueriesContext(connection) as asked:
            answers.append(waking.look_after(Lane.EFFECTS, ring_meanwhile))
        assert len(asked) == 1

    assert waking.look_after(Lane.EFFECTS, ring_meanwhile)
    assert answers == [False]
    assert Effect.objects.filter(reactor="welcome_email").count() == 2
    assert not DirectoryEntry.objects.exists()  # another lane's
    assert turns.take(Lane.EFFECTS)


def test_a_turn_that_took_too_long_is_left_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rung: list[None] = []
    known_user(email="ada@example.com")
    monkeypatch.setattr(doorbell, "ring", lambda: rung.append(None))

    def ring_meanwhile(_name: str) -> None:
        assert not waking.look_after(Lane.EFFECTS, ring_meanwhile)

    assert waking.look_after(Lane.EFFECTS, ring_meanwhile, seconds=0)
    assert rung == [None]
    assert not Turn.objects.exists()


def test_who_lost_the_turn_has_somebody_look_at_what_the_other_passed_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rung: list[None] = []
    known_user(email="ada@example.com")
    monkeypatch.setattr(doorbell, "ring", lambda: rung.append(None))

    def take_over(_name: str) -> None:
        Turn.objects.update(held_until=Now())
        assert turns.take(Lane.EFFECTS)

    assert waking.look_after(Lane.EFFECTS, take_over)
    assert rung == [None]
    assert turns.take(Lane.EFFECTS) is None  # the other's turn is not ended by ours


def test_a_broker_that_takes_no_question_leaves_the_turn_free() -> None:
    known_user(email="ada@example.com")

    def refuse(_name: str) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        waking.look_after(Lane.EFFECTS, refuse)
    assert turns.take(Lane.EFFECTS)


def test_a_ring_during_a_turn_that_failed_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rung: list[None] = []
    known_user(email="ada@example.com")
    monkeypatch.setattr(doorbell, "ring", lambda: rung.append(None))

    def ring_and_refuse(_name: str) -> None:
        assert not waking.look_after(Lane.EFFECTS, print)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        waking.look_after(Lane.EFFECTS, ring_and_refuse)
    assert rung == [None]
