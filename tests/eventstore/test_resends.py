from __future__ import annotations

import threading
from io import StringIO
from uuid import UUID, uuid4

import orjson
import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from eventstore import effects, resends, store, vault
from eventstore.circumstances import acting
from eventstore.errors import (
    EffectOpenError,
    NoReasonError,
    SubjectErasedError,
    UnknownEffectError,
    UnknownSubscriptionError,
)
from eventstore.models import Effect
from eventstore.subscription_events import SubscriptionChanged
from eventstore.tasks import catch_up
from tests.factories import ADA, failed_effect, known_user, metadata
from users import services
from users.aggregate import USER
from users.commands import EraseUser
from users.values import ErasureGround

pytestmark = pytest.mark.usefixtures("committed_db")
STREAM = USER.stream(ADA)


def welcomed(user_id: UUID = ADA) -> Effect:
    known_user(user_id, email=f"{user_id}@example.com")
    catch_up("welcome_email")
    return Effect.objects.get(stream=USER.stream(user_id))


def failed(user_id: UUID = ADA) -> Effect:
    known_user(user_id, email=f"{user_id}@example.com")
    return failed_effect(USER.stream(user_id))


def resend(effect: Effect, reason: str = "bounced, OPS-412") -> Effect:
    with acting(actor="staff:root", source="admin", correlation_id=uuid4()):
        return resends.resend(effect.pk, reason=reason)


def erase(user_id: UUID = ADA) -> None:
    command = EraseUser(user_id=user_id, ground=ErasureGround.REQUEST)
    services.execute(command, metadata())


def rows() -> list[tuple[int, str, int]]:
    found = Effect.objects.order_by("resend")
    return list(found.values_list("resend", "state", "attempts"))


def test_a_resend_is_an_effect_with_attempts_and_a_key_of_its_own() -> None:
    first = welcomed()
    second = resend(first)
    assert rows() == [(0, "done", 1), (1, "pending", 0)]
    catch_up("welcome_email")
    assert rows() == [(0, "done", 1), (1, "done", 1)]
    ids = [sent.extra_headers["Message-ID"] for sent in mail.outbox]
    assert ids == [f"<{first.event_id}@localhost>", f"<{first.event_id}-1@localhost>"]
    assert effects.key(second) == f"{first.event_id}-1"


def test_is_an_event_with_actor_and_reason() -> None:
    resend(welcomed())
    (event,) = store.read_stream("subscription-welcome_email")
    fact = event.payload
    assert (event.type, event.actor) == ("EffectResent", "staff:root")
    assert (fact.reactor, fact.subject, fact.version) == ("welcome_email", STREAM, 1)
    assert (fact.resend, fact.reason) == (1, "bounced, OPS-412")


def test_one_that_failed_and_was_resent_is_counted_once() -> None:
    first = failed()
    assert effects.owed() == effects.Owed(pending=0, failed=1)
    assert effects.listed(state="failed") == [first]
    resend(first)
    assert effects.owed() == effects.Owed(pending=1, failed=0)
    assert effects.listed(state="failed") == []


def test_only_the_newest_that_is_over_may_be_resent() -> None:
    first = failed()
    assert effects.resendable(effects.of_stream(STREAM)) == {first.pk}
    second = resend(first)
    assert effects.resendable(effects.of_stream(STREAM)) == set()
    for effect in (first, second):
        with pytest.raises(EffectOpenError):
            resend(effect)
    catch_up("welcome_email")
    assert effects.resendable(effects.of_stream(STREAM)) == {second.pk}


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_needs_a_reason(reason: str) -> None:
    with pytest.raises(NoReasonError):
        resend(welcomed(), reason)
    assert Effect.objects.count() == 1
    assert store.read_stream("subscription-welcome_email") == []


def test_an_erased_person_is_sent_nothing_more() -> None:
    first = welcomed()
    erase()
    with pytest.raises(SubjectErasedError):
        resend(first)
    assert Effect.objects.count() == 1
    assert store.read_stream("subscription-welcome_email") == []


def test_a_person_erased_after_the_order_is_sent_nothing_more() -> None:
    resend(welcomed())
    erase()
    catch_up("welcome_email")
    assert rows() == [(0, "done", 1), (1, "cancelled", 0)]
    assert len(mail.outbox) == 1


def test_nor_what_an_event_without_personal_data_called_for() -> None:
    known_user(ADA)
    fact = SubscriptionChanged(name="tests", change="paused")
    store.append(STREAM, [fact], expected_version=1, metadata=metadata())
    effects.note("welcome_email", store.read_stream(STREAM, from_version=2))
    Effect.objects.update(state="failed")
    resend(Effect.objects.get())
    with transaction.atomic():
        vault.destroy(STREAM)
    catch_up("welcome_email")
    assert Effect.objects.get(resend=1).state == "cancelled"


def test_there_must_be_such_an_effect_and_somebody_to_send_it() -> None:
    first = welcomed()
    with pytest.raises(UnknownEffectError):
        resends.resend(first.pk + 1, reason="x")
    Effect.objects.update(reactor="retired")
    with pytest.raises(UnknownSubscriptionError):
        resend(first)


def test_ordered_by_many_at_once_it_is_sent_once_more() -> None:
    first = welcomed()
    gate = threading.Barrier(6)
    refused: list[Exception] = []

    def order() -> None:
        gate.wait()
        try:
            resend(first)
        except EffectOpenError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=order) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    catch_up("welcome_email")
    assert (len(refused), len(mail.outbox)) == (5, 2)
    assert len(store.read_stream("subscription-welcome_email")) == 1


@pytest.mark.parametrize(
    ("resend", "state"), [(0, "done"), (1, "done"), (2, "pending"), (-1, "done")]
)
def test_the_database_keeps_each_effect_once_and_one_of_them_open(
    resend: int, state: str
) -> None:
    first = welcomed()
    now = first.created_at
    same = {"reactor": first.reactor, "event_id": first.event_id, "stream": STREAM}
    same |= {"version": 1, "next_attempt_at": now, "created_at": now}
    Effect.objects.create(**same, resend=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Effect.objects.create(**same, resend=resend, state=state)


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("effects", "--actor", "operator:eve", *arguments, stdout=out)
    return out.getvalue().strip()


def test_the_command_lists_and_resends() -> None:
    first = failed()
    line = f"{first.pk}: welcome_email for {STREAM} v1, failed, attempts 1"
    assert command("list") == f"{line}, The mail server answered 550."
    assert command("list", "--state", "done") == ""
    (facts,) = orjson.loads(command("list", "--stream", STREAM, "--json"))
    assert (facts["number"], facts["key"]) == (first.pk, str(first.event_id))
    assert (facts["error"], facts["next_attempt_at"]) == (first.error, None)
    made = orjson.loads(
        command("resend", str(first.pk), "--reason", "OPS-412", "--json")
    )
    assert (made["resend"], made["state"]) == (1, "pending")
    (event,) = store.read_stream("subscription-welcome_email")
    assert event.actor == "operator:eve"
    assert "pending, attempts 0, next 20" in command("list", "--state", "pending")
    with pytest.raises(CommandError, match="is still tried") as caught:
        command("resend", str(first.pk), "--reason", "again")
    assert caught.value.returncode == 1
