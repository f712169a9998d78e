from __future__ import annotations

from typing import cast

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection

from eventstore import checkpoints, effects, store, subscriptions
from eventstore.events import SALESFORCE
from eventstore.models import Checkpoint, Effect
from eventstore.reactor_start import start_reactor
from eventstore.tasks import catch_up
from tests.factories import known_user, metadata, recorded, renamed, user_created
from users import services
from users.aggregate import USER
from users.commands import ChangeName
from users.reactors import WELCOME_EMAIL, send_welcome, wants_welcome
from users.sources.salesforce import translate


@pytest.mark.usefixtures("committed_db")
def test_a_new_user_is_welcomed_once_however_often_it_runs() -> None:
    user_id = known_user(name="Ada", email="ada@example.com")
    services.execute(ChangeName(user_id=user_id, name="Ada King"), metadata())
    for _ in range(3):
        catch_up("welcome_email")
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["ada@example.com"], "Welcome, Ada")
    (effect,) = effects.of_stream(USER.stream(user_id))
    assert (effect.state, effect.attempts) == ("done", 1)


@pytest.mark.usefixtures("committed_db")
def test_a_replay_welcomes_nobody_again() -> None:
    known_user(email="ada@example.com")
    catch_up("welcome_email")
    Checkpoint.objects.filter(subscription="welcome_email").update(position=0)
    catch_up("welcome_email")
    assert len(mail.outbox) == 1
    assert Effect.objects.count() == 1


@pytest.mark.usefixtures("committed_db")
def test_a_backfilled_user_is_not_welcomed() -> None:
    contact = {"FirstName": "Nedi", "LastName": "Heinsius", "Email": "n@example.com"}
    command = translate.create_user(contact, contact_id="1")
    told = translate.metadata(contact_id="1", run_id=command.user_id)
    services.execute(command, told)
    catch_up("welcome_email")
    assert mail.outbox == []
    assert Effect.objects.count() == 0


@pytest.mark.usefixtures("committed_db")
def test_a_reactor_without_checkpoints_does_nothing() -> None:
    known_user()
    Checkpoint.objects.filter(subscription="welcome_email").delete()
    assert subscriptions.catch_up(WELCOME_EMAIL)
    assert Effect.objects.count() == 0


@pytest.mark.usefixtures("committed_db")
def test_every_reactor_has_a_migration_that_starts_it() -> None:
    for subscription in subscriptions.all_subscriptions():
        if isinstance(subscription, subscriptions.Reactor):
            rows = Checkpoint.objects.filter(subscription=subscription.name)
            assert rows.count() == checkpoints.BUCKETS


@pytest.mark.usefixtures("committed_db")
def test_a_reactor_is_born_at_the_end_of_the_log() -> None:
    known_user()
    with connection.cursor() as cursor:
        birth = cast("list[tuple[str, list[str]]]", start_reactor("latecomer").sql)
        ((statement, parameters),) = birth
        cursor.execute(statement, parameters)
    rows = Checkpoint.objects.filter(subscription="latecomer")
    assert {row.position for row in rows} == {store.watermark()}
    assert rows.count() == checkpoints.BUCKETS


def test_wants_people_who_are_new_to_us() -> None:
    assert wants_welcome(recorded(user_created()))
    assert not wants_welcome(recorded(user_created(), source=SALESFORCE))
    assert not wants_welcome(recorded(renamed()))


def test_the_message_has_text_and_html_and_the_id_of_its_event() -> None:
    event = recorded(user_created(name="<b>Ö'Ada", email="ada@example.com"))
    send_welcome(event, str(event.event_id))
    (sent,) = mail.outbox
    assert isinstance(sent, EmailMultiAlternatives)
    ((html, kind),) = sent.alternatives
    assert sent.subject == "Welcome, <b>Ö'Ada"
    assert "Hello <b>Ö'Ada," in sent.body
    assert (kind, "Hello &lt;b&gt;Ö&#x27;Ada," in str(html)) == ("text/html", True)
    assert sent.extra_headers["Message-ID"] == f"<{event.event_id}@localhost>"
