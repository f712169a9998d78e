"""Side effects: subscriptions that are never replayed (ADR-0011)."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from eventstore.events import RecordedEvent
from eventstore.subscriptions import Reactor
from users.events import UserCreated
from users.values import BACKFILL_SOURCES


def wants_welcome(event: RecordedEvent) -> bool:
    """Say whether a person is new to us, and not merely new to this log."""
    return (
        isinstance(event.payload, UserCreated) and event.source not in BACKFILL_SOURCES
    )


def send_welcome(event: RecordedEvent) -> None:
    """Send the welcome e-mail; its Message-ID is the event's, so a repeat shows."""
    created: UserCreated = event.payload
    context = {"name": created.name}
    message = EmailMultiAlternatives(
        subject=render_to_string("email/welcome_subject.txt", context).strip(),
        body=render_to_string("email/welcome.txt", context),
        to=[created.email],
        headers={"Message-ID": f"<{event.event_id}@{_domain()}>"},
    )
    message.attach_alternative(
        render_to_string("email/welcome.html", context), "text/html"
    )
    message.send()


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("<> ")


WELCOME_EMAIL = Reactor(name="welcome_email", wants=wants_welcome, perform=send_welcome)
