from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from eventstore import (
    batching,
    dead_letters,
    effects,
    pauses,
    quarantine,
    store,
    subscriptions,
)
from eventstore.circumstances import acting
from eventstore.dead_letters import Outcome
from eventstore.errors import (
    LetterClosedError,
    LetterNotTriedError,
    NoReasonError,
    SubscriptionPausedError,
    SubscriptionRunsError,
)
from eventstore.models import DeadLetter
from eventstore.subscriptions import catch_up, progress
from tests.eventstore.test_quarantine import Picky, changed, letters
from tests.factories import appended

pytestmark = pytest.mark.usefixtures("committed_db")
picky = Picky()
SUBSCRIPTIONS = (picky.projection, *subscriptions.all_subscriptions())


@pytest.fixture(autouse=True)
def listed(settings: Settings) -> Iterator[None]:
    """List the picky projection, and act as somebody."""
    settings.EVENTSTORE_SUBSCRIPTIONS = f"{__name__}.SUBSCRIPTIONS"
    picky.events.clear()
    picky.poison.clear()
    with acting(actor="staff:ada", source="admin", correlation_id=uuid4()):
        yield


def poisoned(*streams: str) -> list[DeadLetter]:
    """Have each stream fail at its first event of two."""
    picky.poison |= {(name, 1) for name in streams}
    for name in streams:
        appended(name)
        changed(name, 2)
    catch_up(picky.projection)
    return list(DeadLetter.objects.order_by("pk"))


def told() -> list[tuple[str, str]]:
    facts = [event.payload for event in store.read_stream("subscription-picky")]
    return [(getattr(f, "change", "skipped"), f.reason) for f in facts]


def manage(*words: str) -> Any:
    said = io.StringIO()
    call_command("subscriptions", *words, "--json", stdout=said)
    return orjson.loads(said.getvalue())


def test_retries_one_at_once_and_says_who() -> None:
    (letter,) = poisoned("user-1")
    picky.poison.clear()
    assert dead_letters.retry(letter.pk) is None
    assert picky.of("user-1") == [1, 2]
    (fact,) = store.read_stream("subscription-picky")
    assert (fact.actor, fact.payload.change) == ("staff:ada", "retry ordered")
    with pytest.raises(LetterClosedError):
        dead_letters.retry(letter.pk)
    assert picky.of("user-1") == [1, 2]


def test_a_retry_that_fails_says_so_and_changes_nothing_else() -> None:
    (letter,) = poisoned("user-1")
    left = dead_letters.retry(letter.pk)
    assert left == letter
    assert letters() == [("user-1", 1, "waiting", 2)]
    assert picky.events == []


def test_skips_with_a_reason_and_goes_on_behind_it() -> None:
    (letter,) = poisoned("user-1")
    assert dead_letters.waiting_behind(letter) == 1
    assert dead_letters.skip(letter.pk, reason=" broken import ") is None
    assert picky.of("user-1") == [2]
    assert letters() == [("user-1", 1, "skipped", 1)]
    (fact,) = store.read_stream("subscription-picky")
    assert (fact.type, fact.payload.subject, fact.payload.position) == (
        "EventSkipped",
        "user-1",
        1,
    )
    assert (fact.payload.reason, fact.actor) == ("broken import", "staff:ada")


def test_nothing_is_skipped_without_a_reason() -> None:
    (letter,) = poisoned("user-1")
    with pytest.raises(NoReasonError):
        dead_letters.skip(letter.pk, reason="  ")
    assert letters() == [("user-1", 1, "waiting", 1)]
    assert told() == []


def test_groups_by_subscription_class_and_place() -> None:
    poisoned("user-1", "user-2")
    (group,) = dead_letters.groups()
    assert (group.subscription, group.letters, group.parked) == ("picky", 2, 0)
    assert len(dead_letters.of_group(group.fingerprint)) == 2
    assert dead_letters.of_group("another") == []


def test_the_canary_tries_five_and_leaves_the_rest() -> None:
    poisoned(*(f"user-{number}" for number in range(8)))
    picky.poison = {("user-1", 1)}
    (group,) = dead_letters.groups()
    assert dead_letters.retry_first(group.fingerprint) == Outcome(applied=4, failed=1)
    assert DeadLetter.objects.filter(closed_at=None).count() == 4


def test_a_group_is_tried_by_the_workers_and_parked_again_where_it_fails() -> None:
    poisoned("user-1", "user-2", "user-3")
    DeadLetter.objects.update(state="parked", attempts=5)
    picky.poison = {("user-2", 1)}
    (group,) = dead_letters.groups()
    assert dead_letters.retry_group(group.fingerprint) == 3
    catch_up(picky.projection)
    assert [(stream, state) for stream, _v, state, _n in letters()] == [
        ("user-1", "applied"),
        ("user-2", "parked"),
        ("user-3", "applied"),
    ]
    assert dead_letters.retry_group("another") == 0


def test_a_paused_subscription_applies_nothing_and_goes_on_where_it_was() -> None:
    (letter,) = poisoned("user-1")
    pauses.pause("picky", reason="OPS-412")
    appended("user-2")
    assert catch_up(picky.projection)
    assert picky.events == []
    found = progress(picky.projection)
    assert found.pause
    assert (found.pause.actor, found.pause.reason) == ("staff:ada", "OPS-412")
    with pytest.raises(SubscriptionPausedError):
        dead_letters.retry(letter.pk)
    with pytest.raises(SubscriptionPausedError):
        pauses.pause("picky", reason="again")
    pauses.resume("picky")
    catch_up(picky.projection)
    assert picky.of("user-2") == [1]
    with pytest.raises(SubscriptionRunsError):
        pauses.resume("picky")
    assert told() == [("paused", "OPS-412"), ("resumed", "")]


def test_a_pause_is_heeded_between_two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BATCH_SIZE", 1)
    for number in range(5):
        appended(f"user-{number}")
    told_at = iter([True])

    def apply(events: Any) -> None:
        picky.apply(events)
        if next(told_at, False):
            pauses.pause("picky", reason="enough")

    catch_up(subscriptions.Projection(name="picky", apply=apply))
    assert len(picky.events) == 1


def test_a_paused_reactor_causes_no_effect() -> None:
    reactor = subscriptions.find("welcome_email")
    appended("user-1")
    catch_up(reactor)
    pauses.pause("welcome_email", reason="OPS-412")
    assert subscriptions.perform_due(reactor)
    assert effects.owed().pending == 1
    pauses.resume("welcome_email")
    assert subscriptions.perform_due(reactor)
    assert effects.owed().pending == 0


def test_the_command_does_all_of_it() -> None:
    (letter, other) = poisoned("user-1", "user-2")
    (row, *_others) = manage("list")
    assert (row["name"], row["dead_letters"], row["behind"]) == ("picky", 2, 0)
    assert [each["number"] for each in manage("letters")] == [letter.pk, other.pk]
    assert manage("pause", "picky", "--reason", "OPS-412") == {"paused": "picky"}
    assert manage("list")[0]["reason"] == "OPS-412"
    assert manage("resume", "picky") == {"resumed": "picky"}
    skipped = manage("skip", str(letter.pk), "--reason", "broken import")
    assert skipped == {"left": None}
    picky.poison.clear()
    assert manage("retry", str(other.pk)) == {"left": None}
    for which in ("--group", "--canary"):
        with pytest.raises(CommandError, match="No open dead letter") as refusal:
            manage("retry", which, other.fingerprint)
        assert refusal.value.returncode == 1
    with pytest.raises(CommandError, match="Say why"):
        manage("pause", "picky", "--reason", " ")
    assert manage("list")[0]["paused_by"] is None


def test_the_command_exits_with_1_where_an_event_fails_again() -> None:
    (letter,) = poisoned("user-1")
    for words in ([str(letter.pk)], ["--canary", letter.fingerprint]):
        with pytest.raises(SystemExit) as ended:
            manage("retry", *words)
        assert ended.value.code == 1


def test_the_command_refuses_with_a_sentence_and_1() -> None:
    with pytest.raises(CommandError, match="no subscription is called 'x'") as refused:
        manage("pause", "x", "--reason", "why")
    assert refused.value.returncode == 1


def test_the_command_says_it_in_words_too() -> None:
    (letter,) = poisoned("user-1")
    said = io.StringIO()
    call_command("subscriptions", "list", stdout=said)
    call_command("subscriptions", "letters", stdout=said)
    lines = said.getvalue().splitlines()
    assert lines[0] == "picky: projection at #2, 0 behind, 1 dead letter"
    assert lines[-1].startswith(
        f"{letter.pk}: picky at #1 UserCreated of user-1, waiting,"
    )


def test_a_fault_of_the_installation_changes_nothing_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = poisoned("user-1")[0].pk
    monkeypatch.setattr(quarantine, "work_off", get_no_answer)
    with pytest.raises(LetterNotTriedError, match="ConnectionError at "):
        dead_letters.retry(number)
    tried = dead_letters.retry_first(DeadLetter.objects.get().fingerprint)
    assert (tried.applied, tried.failed) == (0, 1)
    assert DeadLetter.objects.get().closed_at is None


def get_no_answer(*_: object, **__: object) -> None:
    raise ConnectionError
