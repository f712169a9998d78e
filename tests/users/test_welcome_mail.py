"""The welcome e-mail against a real mail server, which may refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from eventstore import effects
from eventstore.models import Effect
from eventstore.tasks import catch_up
from tests.factories import known_user
from tests.mailboxes import MailServer, mail_server

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def server(settings: LazySettings) -> Iterator[MailServer]:
    with mail_server() as known:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", known.port
        yield known


def state() -> tuple[str, int, str]:
    effect = Effect.objects.get()
    return effect.state, effect.attempts, effect.error


def make_due() -> None:
    Effect.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_it_arrives_as_text_and_html_with_the_id_of_its_event(
    server: MailServer,
) -> None:
    known_user(name="Zoë 李", email="zoe@example.com")
    catch_up("welcome_email")
    (mail,) = server.mails
    text, html = mail.iter_parts()
    assert (mail["To"], mail["From"]) == ("zoe@example.com", "annals@localhost")
    assert (text.get_content_type(), html.get_content_type()) == (
        "text/plain",
        "text/html",
    )
    assert "Hello Zoë 李," in text.get_content()
    assert "Hello Zoë 李," in html.get_content()
    assert mail["Message-ID"] == f"<{effects.key(Effect.objects.get())}@localhost>"
    assert state() == ("done", 1, "")


@pytest.mark.parametrize("where", ["rcpt", "taken"])
def test_refused_for_good_is_failed_at_once(server: MailServer, where: str) -> None:
    setattr(server, where, "550 5.1.1 <ada@example.com> is unknown here")
    known_user(email="ada@example.com")
    for _ in range(2):
        catch_up("welcome_email")
        make_due()
    assert state() == ("failed", 1, "The mail server answered 550.")
    assert server.mails == []


@pytest.mark.parametrize("where", ["rcpt", "taken"])
def test_refused_for_now_is_tried_again_with_back_off(
    server: MailServer, where: str
) -> None:
    setattr(server, where, "451 4.7.1 <ada@example.com> is greylisted")
    known_user(email="ada@example.com")
    before = timezone.now()
    catch_up("welcome_email")
    wait = (Effect.objects.get().next_attempt_at - before).total_seconds()
    assert (state(), round(wait)) == (
        ("pending", 1, "The mail server answered 451."),
        effects.RETRY_SECONDS[0],
    )
    setattr(server, where, "250 fine")
    make_due()
    catch_up("welcome_email")
    assert (state(), len(server.mails)) == (("done", 2, ""), 1)


def test_a_server_that_is_not_there_is_tried_again(settings: LazySettings) -> None:
    with mail_server() as gone:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", gone.port
    known_user()
    catch_up("welcome_email")
    assert state() == ("pending", 1, "ConnectionRefusedError")
