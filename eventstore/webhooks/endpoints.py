"""The endpoints: added, rotated, paused, resumed, removed; each change is an event."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import codec, reasons, sealing, store, vault
from eventstore.errors import SealBrokenError
from eventstore.events import ANY
from eventstore.webhooks import addresses, events, message
from eventstore.webhooks.errors import (
    EndpointNameError,
    EndpointStateError,
    UnknownEndpointError,
    UnknownEventTypeError,
)
from eventstore.webhooks.events import CATEGORY, WebhookChanged
from eventstore.webhooks.models import WebhookEndpoint
from eventstore.wording import worded

SUBSCRIPTION = "webhooks"
NAME_LENGTH = 100
NAME = re.compile(rf"\w[\w .-]{{0,{NAME_LENGTH - 1}}}")  # it stands in addresses
OVERLAP = timedelta(hours=24)  # both secrets sign for so long after a rotation

State = WebhookEndpoint.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An endpoint and its new secret, which is shown once."""

    endpoint: WebhookEndpoint
    secret: str


def add(
    name: str, url: str, *, types: Sequence[str] = (), personal: bool = False
) -> Opened:
    """Add an endpoint: it is told of everything recorded from now on.

    Args:
        name: By which operators know it.
        url: HTTPS, outside this network.
        types: Only of events of these types; of all when empty.
        personal: Whether it is sent persons' data.

    Raises:
        AddressError: The address may not be sent to.
        EndpointNameError: The name is none, or taken.
        UnknownEventTypeError: No event has such a type.
    """
    name = name.strip()
    if not NAME.fullmatch(name):
        text = worded(
            "Give it a name of at most {most} letters, digits, spaces and .-_",
            most=NAME_LENGTH,
        )
        raise EndpointNameError(text)
    for each in types:
        if codec.type_named(each) is None:
            raise UnknownEventTypeError(each)
    place = str(addresses.target(url).url)
    secret, now = message.new_secret(), timezone.now()
    try:
        with transaction.atomic():
            endpoint = WebhookEndpoint.objects.create(
                name=name,
                url=place,
                types=sorted(set(types)),
                personal=personal,
                secret=_sealed(name, secret),
                starts_after=_end_of_what_is_noted(),
                next_attempt_at=Now(),
                created_at=now,
            )
            _tell(endpoint, events.ADDED)
    except IntegrityError as error:
        text = worded("Another endpoint has this name.")
        raise EndpointNameError(text) from error
    return Opened(endpoint=endpoint, secret=secret)


def rotate(name: str, *, seen: int | None = None) -> Opened:
    """Give the endpoint a new secret; the one before signs, too, for a day.

    Args:
        name: The endpoint.
        seen: The number of the secret it shall replace; None takes any.

    Raises:
        EndpointStateError: The secret is another one already.
        UnknownEndpointError: There is none of this name.
    """
    secret = message.new_secret()
    with transaction.atomic():
        endpoint = locked(name)
        if seen is not None and seen != endpoint.secret_number:
            text = worded("The secret was rotated already; nothing was done.")
            raise EndpointStateError(text)
        endpoint.old_secret = endpoint.secret
        endpoint.old_secret_until = timezone.now() + OVERLAP
        endpoint.secret = _sealed(name, secret)
        endpoint.secret_number += 1
        endpoint.save()
        _tell(endpoint, events.ROTATED)
    return Opened(endpoint=endpoint, secret=secret)


def pause(name: str, *, reason: str) -> WebhookEndpoint:
    """Send nothing until :func:`resume`; what is owed is kept.

    Raises:
        EndpointStateError: It is paused or disabled already.
        UnknownEndpointError: There is none of this name.
    """
    with transaction.atomic():
        endpoint = locked(name)
        if endpoint.state != State.ACTIVE:
            text = worded("It is {state} already.", state=str(endpoint.state))
            raise EndpointStateError(text)
        endpoint.state, endpoint.reason = State.PAUSED, reasons.proper(reason)
        endpoint.save()
        _tell(endpoint, events.PAUSED)
    return endpoint


def resume(name: str) -> WebhookEndpoint:
    """Send again what is owed, at once.

    Raises:
        EndpointStateError: It is active.
        UnknownEndpointError: There is none of this name.
    """
    with transaction.atomic():
        endpoint = locked(name)
        if endpoint.state == State.ACTIVE:
            text = worded("It is {state} already.", state=str(State.ACTIVE))
            raise EndpointStateError(text)
        endpoint.state, endpoint.reason = State.ACTIVE, ""
        endpoint.failures, endpoint.failing_since = 0, None
        endpoint.next_attempt_at = Now()
        endpoint.save()
        _tell(endpoint, events.RESUMED)
    return endpoint


def disable(endpoint: WebhookEndpoint, reason: str) -> None:
    """Stop sending for good, telling why.  Must run in a transaction that locked it."""
    endpoint.state, endpoint.reason = State.DISABLED, reason
    _tell(endpoint, events.DISABLED)


def remove(name: str) -> None:
    """Forget the endpoint, its secrets and what it was owed.

    Raises:
        UnknownEndpointError: There is none of this name.
    """
    with transaction.atomic():
        endpoint = locked(name)
        _tell(endpoint, events.REMOVED)
        endpoint.delete()


def ordered(endpoint: WebhookEndpoint, what: str) -> None:
    """Record that an operator ordered a redelivery of *what*."""
    _tell(endpoint, events.REDELIVERED, what)


def every() -> list[WebhookEndpoint]:
    """Return all endpoints, by name."""
    return list(WebhookEndpoint.objects.order_by("name"))


def named(name: str) -> WebhookEndpoint:
    """Return the endpoint called *name*.

    Raises:
        UnknownEndpointError: There is none.
    """
    found = WebhookEndpoint.objects.filter(name=name).first()
    if found is None:
        raise UnknownEndpointError(name)
    return found


def locked(name: str) -> WebhookEndpoint:
    """Return the endpoint, locked until the transaction ends.

    Raises:
        UnknownEndpointError: There is none.
    """
    found = (
        WebhookEndpoint.objects.select_for_update(no_key=True).filter(name=name).first()
    )
    if found is None:
        raise UnknownEndpointError(name)
    return found


def keys(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """Return the secrets that sign at this moment, newest first."""
    name = endpoint.name
    found = vault.find([_subject(name)])
    current = [_opened(name, endpoint.secret, found)]
    until = endpoint.old_secret_until
    if until is not None and now < until:
        current.append(_opened(name, endpoint.old_secret, found))
    return current


def _end_of_what_is_noted() -> int:
    # While we hold its checkpoints the courier notes nothing, so nothing recorded from
    # here on can have passed it by before the endpoint was there.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket FROM eventstore_checkpoint WHERE subscription = %s"
            " ORDER BY bucket FOR UPDATE",
            [SUBSCRIPTION],
        )
    return store.watermark()


def _tell(endpoint: WebhookEndpoint, change: str, reason: str = "") -> None:
    fact = WebhookChanged(
        name=endpoint.name, change=change, reason=reason or endpoint.reason
    )
    store.append(f"{CATEGORY}-{endpoint.pk}", [fact], expected_version=ANY)


def _sealed(name: str, secret: str) -> str:
    key = vault.kept([_subject(name)])[_subject(name)]
    if key is None:
        text = worded(
            "The key of the endpoint {name} is gone; add one of another name.",
            name=name,
        )
        raise EndpointStateError(text)
    return sealing.seal(key.cipher, secret.encode(), _place(name))


def _opened(name: str, sealed: str, keys: vault.Keys) -> str:
    key = keys.get(_subject(name))
    if key is None:
        raise SealBrokenError
    return sealing.unseal(key.cipher, sealed, _place(name)).decode()


def _subject(name: str) -> str:
    return f"webhook-{name}"


def _place(name: str) -> bytes:
    return f"webhook\n{name}".encode()
