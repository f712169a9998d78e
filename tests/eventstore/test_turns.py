from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from eventstore import turns, waking
from eventstore.models import Turn
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
