"""Side effects: subscriptions that are never replayed (ADR-0011)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from smtplib import SMTPDataError, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from eventstore.errors import EffectError, EffectRefusedError
from eventstore.events import RecordedEvent
from eventstore.subscriptions import Reactor
from eventstore.webhooks import addresses, message, sending
from eventstore.webhooks.errors import WebhookError
from users.aggregate import USER
from users.events import UserCreated
from users.values import BACKFILL_SOURCES

REFUSED = 500  # SMTP: codes from here on are for good
# HTTP: what is wrong with the request is wrong with the next one, too.
REFUSALS = frozenset({400, 410, 413, 415, 422})


def wants_welcome(event: RecordedEvent) -> bool:
    """Say whether a person is new to us, and not merely new to this log."""
    return (
        isinstance(event.payload, UserCreated) and event.source not in BACKFILL_SOURCES
    )


def send_welcome(event: RecordedEvent, key: str) -> None:
    """Send the welcome e-mail; its Message-ID is made of *key*, so a repeat shows.

    Raises:
        EffectRefusedError: The mail server takes nothing for this address.
    """
    created: UserCreated = event.payload
    context = {"name": created.name}
    mail = EmailMultiAlternatives(
        subject=render_to_string("email/welcome_subject.txt", context).strip(),
        body=render_to_string("email/welcome.txt", context),
        to=[created.email],
        headers={"Message-ID": f"<{key}@{_domain()}>"},
    )
    mail.attach_alternative(
        render_to_string("email/welcome.html", context), "text/html"
    )
    with _without_addresses():
        mail.send()


def wants_analytics(event: RecordedEvent) -> bool:
    """Say whether analytics is told: it is set up, and this is news of a person."""
    return (
        bool(settings.ANALYTICS_URL)
        and event.category == USER.category
        and event.source not in BACKFILL_SOURCES
    )


def tell_analytics(event: RecordedEvent, key: str) -> None:
    """Post the masked event as a CloudEvent, with *key* as ``Idempotency-Key``.

    Raises:
        EffectError: It was not taken; :class:`EffectRefusedError` where it never will.
    """
    if not settings.ANALYTICS_URL:
        text = "ANALYTICS_URL is not set any more."
        raise EffectRefusedError(text)
    headers = {"content-type": message.CONTENT_TYPE, "idempotency-key": key}
    content = message.body(event, personal=False)
    try:
        # Judged at every attempt: a name may have come to mean another machine.
        place = addresses.target(settings.ANALYTICS_URL)
        status = sending.post(place, headers, content)
    except WebhookError as error:
        raise EffectError(str(error)) from error
    if not 200 <= status < 300:  # noqa: PLR2004 - as RFC 9110 says
        kind = EffectRefusedError if status in REFUSALS else EffectError
        text = f"It answered {status}."
        raise kind(text)


@contextmanager
def _without_addresses() -> Iterator[None]:
    """Say in our words what the mail server said in its own, which quote addresses.

    Only what it says of the message or of the recipient is for good; what it says of
    us (a log-in, a sender) is set right by whoever runs the installation.
    """
    try:
        yield
    except SMTPRecipientsRefused as error:
        raise _refusal(*(code for code, _text in error.recipients.values())) from None
    except SMTPDataError as error:
        raise _refusal(error.smtp_code) from None


def _refusal(*codes: int) -> EffectError:
    code = min(codes)
    kind = EffectRefusedError if code >= REFUSED else EffectError
    return kind(f"The mail server answered {code}.")


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("<> ")


WELCOME_EMAIL = Reactor(name="welcome_email", wants=wants_welcome, perform=send_welcome)
ANALYTICS = Reactor(name="analytics", wants=wants_analytics, perform=tell_analytics)
