"""Other systems that tell us about people, and what became of what they said."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from config import intake as wiring
from eventstore import repository
from eventstore.circumstances import acting
from eventstore.intake import mapping, raw
from eventstore.intake.models import RecordMapping
from eventstore.intake.raw import Received
from eventstore.intake.registry import Mapper
from tests.factories import metadata
from users import services
from users.aggregate import USER, User, user_id_of
from users.commands import EraseUser
from users.sources.people import PEOPLE
from users.sources.stating import stream_of
from users.values import ErasureGround

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ADA = {"id": "1", "name": "Ada Byron", "email": "ada@example.com"}


@pytest.fixture
def crm(settings: LazySettings) -> None:
    """Set up the source ``crm`` with the mapper ``people``."""
    settings.INGEST_SOURCES = {"crm": {"mapper": "people", "secrets": [SECRET]}}
    settings.INGEST_A_MINUTE = 0


def receive(person: Any, source: str = "crm", **changes: Any) -> UUID:
    """Keep what says something about a person, and return the record's id."""
    body = person if isinstance(person, bytes) else json.dumps(person).encode()
    defaults = {"source": source, "kind": raw.WEBHOOK, "key": str(uuid4())}
    (kept,) = raw.keep([Received(body=body, **defaults | changes)])
    return kept.record_id


def work() -> None:
    """Do what a worker does when the doorbell rings."""
    assert mapping.map_due(60)


def let_time_pass() -> None:
    """Make all that waits due, as if it had waited."""
    RecordMapping.objects.update(next_attempt_at=timezone.now())


def states() -> list[str]:
    found = RecordMapping.objects.order_by("raw_id")
    return list(found.values_list("state", flat=True))


def person(entity: str = "1", source: str = "crm") -> User | None:
    loaded = repository.load(USER, user_id_of(stream_of(source, entity)))
    state: User | None = loaded.state
    return state


def log() -> list[tuple[str, str]]:
    """Return type and actor of every event, in order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT type, actor FROM events ORDER BY position")
        return list(cursor.fetchall())


def repaired(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Mapper:
    """Deploy another ``people`` mapper."""
    mapper = replace(PEOPLE, **changes)
    monkeypatch.setattr(wiring, "MAPPERS", (mapper,))
    return mapper


def erase(entity: str = "1") -> None:
    """Erase a person through the front door."""
    user_id = user_id_of(stream_of("crm", entity))
    services.execute(
        EraseUser(user_id=user_id, ground=ErasureGround.REQUEST), metadata()
    )


def operator() -> AbstractContextManager[None]:
    return acting(actor="staff:ada", source="admin", correlation_id=uuid4())
