"""Plain functions with defaults: the things most tests need."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from eventstore import effects, store
from eventstore.appends import Appended
from eventstore.approvals import keeping as approvals
from eventstore.approvals.events import ERASURE, ApprovalAsked
from eventstore.codec import encode, type_of
from eventstore.events import NO_STREAM, REST, Metadata, RecordedEvent
from eventstore.models import DeadLetter, Effect
from users import services
from users.commands import CreateUser
from users.events import UserCreated, UserNameChanged
from users.models import (
    ApiToken,
    SalesforceConflict,
    SalesforceFinding,
    SalesforceRun,
)
from users.scopes import ALL
from users.sources.salesforce.events import (
    SalesforceConflictOpened,
    SalesforceRunHeld,
    SalesforceRunOpened,
    SalesforceRunStarted,
)
from users.tokens import PREFIX

ADA = UUID("00000000-0000-4000-8000-00000000ada0")
NOON = datetime(2026, 11, 6, 12, 0, tzinfo=UTC)


def metadata(**changes: Any) -> Metadata:
    defaults: dict[str, Any] = {
        "actor": "client:tests",
        "source": REST,
        "correlation_id": uuid4(),
    }
    return Metadata(**defaults | changes)


def user_created(**changes: Any) -> UserCreated:
    defaults = {"name": "Ada Byron", "email": "ada@example.com"}
    return UserCreated(**defaults | changes)


def renamed(old: str = "Ada Byron", new: str = "Ada King") -> UserNameChanged:
    return UserNameChanged(old_name=old, new_name=new)


def recorded(payload: Any, **changes: Any) -> RecordedEvent:
    known = type_of(payload)
    defaults: dict[str, Any] = {
        "position": 1,
        "stream": f"user-{ADA}",
        "version": 1,
        "event_id": uuid4(),
        "type": known.name,
        "schema_version": known.schema_version,
        "payload": payload,
        "data": encode(payload),
        "actor": "client:tests",
        "source": REST,
        "correlation_id": uuid4(),
        "causation_id": None,
        "metadata": {},
        "recorded_at": NOON,
        "occurred_at": NOON,
    }
    return RecordedEvent(**defaults | changes)


def appended(
    stream: str, *events: object, expected_version: int = NO_STREAM, **changes: Any
) -> Appended:
    return store.append(
        stream,
        events or [user_created()],
        expected_version=expected_version,
        metadata=metadata(**changes),
    )


def known_user(user_id: UUID | None = None, **changes: Any) -> UUID:
    """Create a user through the front door and return the id."""
    identity = user_id or uuid4()
    values = {"name": "Ada Byron", "email": f"{identity.int}@example.com"} | changes
    services.execute(CreateUser(user_id=identity, **values), metadata())
    return identity


def api_token(name: str = "tests", **changes: Any) -> str:
    """Keep a token that may do everything, unless told otherwise, and return it.

    No event says so: the log of a test holds what the test appends.
    """
    token = f"{PREFIX}{token_urlsafe(32)}"
    defaults: dict[str, Any] = {
        "digest": sha256(token.encode()).digest(),
        "name": name,
        "scopes": sorted(ALL),
        "created_at": timezone.now(),
    }
    ApiToken.objects.create(**defaults | changes)
    return token


def asked_for(approval_id: UUID, user_id: UUID, *, actor: str, reason: str) -> None:
    """Record that nobody's account asked a second person to erase a user."""
    asked = ApprovalAsked(
        act=ERASURE,
        target=f"user-{user_id}",
        account=0,
        until=datetime(2100, 1, 1, tzinfo=UTC),
        reason=reason,
        values={"ground": "request", "version": "1"},
    )
    appended(f"approval-{approval_id}", asked, actor=actor)
    approvals.rebuild()


def held_run(
    run_id: UUID, user_id: UUID, reason: str = "61 people would be deactivated"
) -> None:
    """Record a run over Salesforce that waits for a human."""
    high = NOON
    started = SalesforceRunStarted(
        sobject="Contact", mode="reconcile", dry_run=False, ids=[], reason=""
    )
    opened = SalesforceRunOpened(
        org_id="00D000000000001EAA", low=None, high=high, fields=["Id"], missing=[]
    )
    held = SalesforceRunHeld(state="awaiting_approval", reason=reason, people=61)
    appended(f"salesforce_run-{run_id}", started, opened, held)
    counts = {"read": 156, "created": 1, "changed": 2, "quarantined": 3}
    SalesforceRun.objects.create(
        run_id=run_id,
        sobject="Contact",
        mode="reconcile",
        dry_run=False,
        state=held.state,
        actor="staff:lea",
        why=held.reason,
        counts=counts,
        people=held.people,
        started_at=NOON,
        changed_at=NOON,
        due_at=NOON,
    )
    SalesforceFinding.objects.create(
        run_id=run_id,
        sf_id="0035g00000XyZabAAF",
        user_id=user_id,
        what="deactivated",
        reason="salesforce_merged:0035g00000XyZacAAF",
    )


def open_conflict(user_id: UUID, **changes: str) -> None:
    """Record that Salesforce and we call somebody differently."""
    values = {
        "base": "Ada Byron",
        "ours": "Ada King",
        "theirs": "Wolfeschlegelsteinhausenbergerdorff" * 5,
    }
    differing = SalesforceConflictOpened(
        record="0035g00000XyZabAAF",
        user=f"user-{user_id}",
        attribute="name",
        kind="differs",
        **values | changes,
    )
    told = appended("salesforce_record-0035g00000XyZabAAF", differing)
    SalesforceConflict.objects.create(
        sf_id=differing.record,
        user_id=user_id,
        attribute=differing.attribute,
        kind=differing.kind,
        version=told.version,
        opened_at=NOON,
    )


def dead_letter(**changes: Any) -> DeadLetter:
    """Say that the directory failed at Ada's first event."""
    defaults: dict[str, Any] = {
        "subscription": "directory",
        "stream": f"user-{ADA}",
        "position": 1,
        "version": 1,
        "type": "UserCreated",
        "error": "ValueError at directory.py:1",
        "fingerprint": "0123456789ab",
        "first_failed_at": NOON,
        "last_failed_at": NOON,
        "next_attempt_at": NOON,
    }
    return DeadLetter.objects.create(**defaults | changes)


def failed_effect(stream: str, **changes: Any) -> Effect:
    """Say that the welcome of whoever *stream* tells of was given up."""
    effects.note("welcome_email", store.read_stream(stream, to_version=1))
    effect = Effect.objects.get(stream=stream)
    defaults: dict[str, Any] = {
        "state": "failed",
        "attempts": 1,
        "error": "The mail server answered 550.",
        "finished_at": NOON,
    }
    for name, value in (defaults | changes).items():
        setattr(effect, name, value)
    effect.save()
    return effect
