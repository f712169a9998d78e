"""Fill an empty log: a month of history, and one person who came just now.

The past is decided as commands are, and imported with its times, so that there is a
yesterday to ask about.  The last command goes through ``users.services`` as on any day.
The Contacts are sample data of Salesforce's Coral Cloud application, CC0
(LICENSE.contacts.txt).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgspec
import uuid_utils.compat as uuid
from django.db import transaction

from eventstore import codec, repository
from eventstore.archive.forms import Line
from eventstore.archive.importing import import_events
from eventstore.events import ADMIN, REST, SALESFORCE, Metadata
from users import claims, services
from users.aggregate import USER, User
from users.commands import (
    ChangeEmail,
    ChangeName,
    ChangeStatus,
    CreateUser,
    UserCommand,
)
from users.sources.salesforce import translate
from users.values import Status

CONTACTS = Path(__file__).parent / "contacts.json"
PORTAL = "client:crm-portal"
STAFF = "staff:m.jones"
_NAMESPACE = UUID("5d2f8a3e-7a55-4f0c-9d0e-0d6c3f6f1a11")
ADA = uuid5(_NAMESPACE, "ada")
GRACE = uuid5(_NAMESPACE, "grace")
ALAN = uuid5(_NAMESPACE, "alan")
MARY = uuid5(_NAMESPACE, "mary")

Told = tuple[datetime, UserCommand, Metadata]


def tell(now: datetime) -> int:
    """Load the demonstration and return how many events it has.

    Atomic.  Imports, so it needs the owner of the log; safe to run again: returns 0
    when it is there already.

    Args:
        now: The history ends before it.
    """
    if repository.load(USER, ADA).version:
        return 0
    past = [*_backfill(_day(now, 30, "02:10")), *_people(now)]
    past += sorted([*_ada(now), *_others(now)], key=itemgetter(0))
    mary = CreateUser(user_id=MARY, name="Mary Jackson", email="mary@example.org")
    with transaction.atomic():
        imported = import_events(_lines(past))
        claims.rebuild()
        services.execute(mary, _portal())
    return imported.stored + 1


def _lines(past: Iterable[Told]) -> Iterator[bytes]:
    """Yield the events that the commands of *past* would have led to, as an export."""
    states: dict[UUID, User | None] = {}
    versions: Counter[UUID] = Counter()
    for recorded_at, command, about in past:
        who = command.user_id
        for event in USER.decide(states.get(who), command):
            states[who] = USER.fold([event], states.get(who))
            versions[who] += 1
            kind = codec.type_of(event)
            told = Line(
                stream=USER.stream(who),
                version=versions[who],
                event_id=uuid.uuid7(),
                type=kind.name,
                schema_version=kind.schema_version,
                data=codec.encode(event),
                actor=about.actor,
                source=about.source,
                correlation_id=about.correlation_id,
                causation_id=about.causation_id,
                metadata={**about.extra, "command": type(command).__name__},
                recorded_at=recorded_at.isoformat(),
            )
            yield msgspec.json.encode(told) + b"\n"


def _backfill(first: datetime) -> Iterator[Told]:
    run = uuid.uuid7()
    for number, contact in enumerate(_contacts()):
        contact_id = _id_of(contact)
        command_id = uuid.uuid7()
        yield (
            first + number * timedelta(milliseconds=40),
            translate.create_user(contact, contact_id=contact_id),
            Metadata(
                actor=translate.ACTOR,
                source=SALESFORCE,
                correlation_id=run,
                causation_id=command_id,
                extra={"command_id": str(command_id), "backfill": True},
            ),
        )


def _people(now: datetime) -> Iterator[Told]:
    for ago, clock, user_id, name, email in (
        (27, "09:12", ADA, "Ada Byron", "ada@example.com"),
        (26, "10:05", GRACE, "Grace Murray", "grace.murray@example.org"),
        (25, "16:41", ALAN, "Alan Turing", "alan@example.net"),
    ):
        create = CreateUser(user_id=user_id, name=name, email=email)
        yield _day(now, ago, clock), create, _portal()


def _ada(now: datetime) -> Iterator[Told]:
    lost, found = "Card reported lost", "New card issued"
    suspend = ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason=lost)
    resume = ChangeStatus(user_id=ADA, status=Status.ACTIVE, reason=found)
    king = ChangeEmail(user_id=ADA, email="ada.king@example.com")
    lovelace = ChangeEmail(user_id=ADA, email="ada@lovelace.example")
    inherited = _staff("title inherited")
    yield _day(now, 20, "11:20"), _named(ADA, "Ada King"), _staff("married")
    yield _day(now, 16, "15:02"), king, _portal()
    yield _day(now, 6, "14:52"), suspend, _staff("ticket OPS-412")
    yield _day(now, 6, "17:18"), resume, _staff("ticket OPS-412")
    yield _day(now, 3, "10:20"), _named(ADA, "Ada Lovelace"), inherited
    yield _day(now, 1, "15:20"), lovelace, _portal()


def _others(now: datetime) -> Iterator[Told]:
    frayda, nedi, third = (translate.user_id_of(_id_of(c)) for c in _contacts()[:3])
    hopper = ChangeEmail(user_id=GRACE, email="grace@hopper.example")
    asked = ChangeStatus(user_id=ALAN, status=Status.DEACTIVATED, reason="On request")
    review = ChangeStatus(
        user_id=third, status=Status.SUSPENDED, reason="Chargeback under review"
    )
    called = ChangeEmail(user_id=frayda, email="frayda@dowsing.net")
    yield _day(now, 13, "09:47"), _named(GRACE, "Grace Hopper"), _staff("married")
    yield _day(now, 13, "09:55"), hopper, _portal()
    yield _day(now, 9, "08:31"), called, _staff("called in")
    yield _day(now, 5, "10:11"), asked, _staff("asked for by letter")
    yield _day(now, 4, "13:26"), _named(nedi, "Nedi Heinsius-Park"), _portal()
    yield _day(now, 2, "16:03"), review, _staff("ticket OPS-431")


def _named(user_id: UUID, name: str) -> ChangeName:
    return ChangeName(user_id=user_id, name=name)


def _day(now: datetime, ago: int, clock: str) -> datetime:
    """Return when it was *clock* in UTC, so many days before *now*."""
    day = now.astimezone(UTC).date() - timedelta(days=ago)
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=UTC)


def _contacts() -> list[dict[str, Any]]:
    contacts: list[dict[str, Any]] = json.loads(CONTACTS.read_text("utf-8"))["records"]
    return contacts


def _id_of(contact: dict[str, Any]) -> str:
    # A tree export has references where an org has record ids.
    reference: str = contact["attributes"]["referenceId"]
    return reference


def _staff(reason: str) -> Metadata:
    return _circumstances(STAFF, ADMIN, {"reason": reason})


def _portal() -> Metadata:
    return _circumstances(PORTAL, REST, {})


def _circumstances(actor: str, source: str, extra: dict[str, Any]) -> Metadata:
    command_id = uuid.uuid7()
    return Metadata(
        actor=actor,
        source=source,
        correlation_id=uuid.uuid7(),
        causation_id=command_id,
        extra={"command_id": str(command_id), **extra},
    )
