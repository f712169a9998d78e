"""Sending an effect once more because an operator says so; each is an event."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from eventstore import reasons, store, subscriptions, vault
from eventstore.errors import (
    EffectOpenError,
    SubjectErasedError,
    UnknownEffectError,
)
from eventstore.events import ANY
from eventstore.models import Effect
from eventstore.subscription_events import CATEGORY, EffectResent

State = Effect.State


def numbered(number: int, *, stream: str) -> Effect:
    """Return one effect of a stream.

    Raises:
        UnknownEffectError: It has none of this number.
    """
    found = Effect.objects.filter(pk=number, stream=stream).first()
    if found is None:
        raise UnknownEffectError(number)
    return found


def resend(number: int, *, reason: str) -> Effect:
    """Have an effect that was sent, or given up, sent once more; return the new one.

    The new effect has attempts and a key of its own.  Recorded as
    :class:`EffectResent`.  Ordered twice at once, it is sent once more, not twice.

    Args:
        number: The newest effect of its reactor and event.
        reason: Why, in the operator's words.

    Raises:
        EffectOpenError: It is still tried, or was resent already.
        NoReasonError: *reason* is empty.
        SubjectErasedError: The person was erased.
        UnknownEffectError: There is none of this number.
        UnknownSubscriptionError: Its reactor is gone, so nobody would send it.
    """
    why = reasons.wanted(reason)
    with transaction.atomic():
        before = _locked(number)
        now = Now()
        effect = Effect.objects.create(
            reactor=before.reactor,
            event_id=before.event_id,
            resend=before.resend + 1,
            stream=before.stream,
            version=before.version,
            next_attempt_at=now,
            created_at=now,
        )
        effect.refresh_from_db(fields=["next_attempt_at", "created_at"])
        fact = EffectResent(
            reactor=effect.reactor,
            subject=effect.stream,
            version=effect.version,
            resend=effect.resend,
            reason=why,
        )
        store.append(f"{CATEGORY}-{effect.reactor}", [fact], expected_version=ANY)
    return effect


def refuse(effect: Effect) -> None:
    """Say why *effect* cannot be sent once more, if it cannot.

    Raises:
        EffectOpenError, SubjectErasedError, UnknownSubscriptionError: See
            :func:`resend`.
    """
    subscriptions.find(effect.reactor)
    if effect.state == State.CANCELLED or vault.is_destroyed(effect.stream):
        raise SubjectErasedError
    later = Effect.objects.filter(
        reactor=effect.reactor, event_id=effect.event_id, resend__gt=effect.resend
    )
    if effect.state == State.PENDING or later.exists():
        raise EffectOpenError(effect.pk)


def _locked(number: int) -> Effect:
    # While it is held, no other order for the same effect gets past this line.
    found = Effect.objects.select_for_update().filter(pk=number).first()
    if found is None:
        raise UnknownEffectError(number)
    refuse(found)
    return found
