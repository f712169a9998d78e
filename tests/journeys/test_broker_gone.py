from __future__ import annotations

import time

from django.db.models.functions import Now

from eventstore.models import Turn
from tests.journeys.cast import Cast
from tests.processes import wait_until

HALF_A_SECOND = 0.5


def test_commands_sent_while_the_broker_is_gone_are_answered_and_become_visible(
    cast: Cast,
) -> None:
    cast.start_broker()
    cast.start_worker()
    cast.start_beat()
    cast.start_web()
    wait_until(lambda: create(cast, "First")[0] == 202)
    wait_until(lambda: visible(cast) == {"First"})

    # A worker that has the turn goes on for a moment without any broker.
    wait_until(lambda: not Turn.objects.filter(held_until__gt=Now()).exists())
    cast.kill("broker")
    answers = [create(cast, f"User {number}") for number in range(10)]
    assert [status for status, _seconds in answers] == [202] * 10
    assert [seconds for _status, seconds in answers if seconds > HALF_A_SECOND] == []
    assert visible(cast) == {"First"}

    cast.start_broker()
    everyone = {"First"} | {f"User {number}" for number in range(10)}
    wait_until(lambda: supervised(cast) and visible(cast) == everyone, seconds=60)


def supervised(cast: Cast) -> bool:
    """Do the supervisor's part: a worker or a beat that gave up starts again."""
    if not cast.is_running("worker"):
        cast.start_worker()
    if not cast.is_running("beat"):
        cast.start_beat()
    return True


def create(cast: Cast, name: str) -> tuple[int, float]:
    started = time.monotonic()
    email = f"{name.replace(' ', '.')}@example.com"
    status, _answer = cast.ask("POST", "/api/v1/users", {"name": name, "email": email})
    return status, time.monotonic() - started


def visible(cast: Cast) -> set[str]:
    _status, answer = cast.ask("GET", "/api/v1/users")
    return {user["name"] for user in answer["results"]}
