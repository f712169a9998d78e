"""Records as received: kept once, opened, deleted; never changed.

Each body is sealed under a key of its own (ADR-0037).  When the person it tells of is
erased, or the retention ends, that key is destroyed and the body deleted.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

import orjson
import uuid_utils.compat as uuid
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from eventstore import doorbell, sealing, vault, wire
from eventstore.errors import SealBrokenError
from eventstore.intake.errors import BodyGoneError, UnknownRecordError
from eventstore.intake.models import RawRecord, RecordMapping, SourceEntity

# Kinds of records.
WEBHOOK = "webhook"
CLOUD_EVENT = "cloudevent"
CHANGE_EVENT = "change_event"
OUTBOUND = "outbound"  # a notification of an outbound message of Salesforce
RECORD = "record"  # fetched by a connector

KEY_LENGTH = 200  # characters of an id that is kept as it is
LOCK = 7341  # advisory, with the hash of a subject: forget or settle, not both
State = RecordMapping.State
OPEN = (State.PENDING, State.FAILING, State.QUARANTINED, State.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One record, as it came.

    Attributes:
        source: Name of the source.
        kind: One of the kinds above.
        body: The bytes as received, or as cut out of a batch.
        key: The source's own id of the delivery or the version of a record; what comes
            again under the same key is the same record.  Empty: the content decides.
        content_type: Of the body.
        headers: Those that are kept; no secret among them.
        verified_by: How it was proved to be the source's, for example ``standard``.
    """

    source: str
    kind: str
    body: bytes
    key: str = ""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    verified_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The record that is kept under the key of what was received.

    Attributes:
        raw_id: Its number, increasing with the order of arrival, gaps allowed.
        record_id: Its id; events that it led to carry it.
        is_new: Whether it came for the first time.
        is_same: Whether its content is what came first under this key.
    """

    raw_id: int
    record_id: UUID
    is_new: bool
    is_same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """What a source sent last about one thing of its own, and what became of it."""

    record: RawRecord
    mapping: RecordMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a connector that maps by itself made of a record.

    Attributes:
        state: One of ``RecordMapping.State``.
        entity: Name of the thing in its source, no personal data.
        subject: Stream of the person it tells of; the body goes with the person.
    """

    state: str
    entity: str = ""
    subject: str = ""
    mapper: str = ""
    mapper_version: int = 0
    error: str = ""


def keep(
    received: Sequence[Received], *, settled: Sequence[Settled] = ()
) -> list[Kept]:
    """Keep what was received and say, for each, what is kept; durable once committed.

    Atomic, one round trip.  What came before under the same source and key is not kept
    again.  What is new is mapped soon by the mapper of its source, unless *settled*
    says, one entry a record, what became of it already.  May be part of a transaction
    of the caller's.

    Raises:
        KeyRingError: The master keys are not those of this database.
    """
    if not received:
        return []
    ids = [uuid.uuid7() for _ in received]
    subjects = [subject_of(record_id) for record_id in ids]
    keys = vault.for_sealing(subjects, certainly_new=set(subjects))
    bodies = []
    for each, record_id, subject in zip(received, ids, subjects, strict=True):
        key = keys[subject]
        assert key is not None  # noqa: S101 - made a moment ago
        bodies.append(sealing.seal(key.cipher, each.body, _place(record_id)))
    done = settled or [Settled(state=State.PENDING)] * len(received)
    parameters = (
        vault.held(keys.values())
        | _columns(received)
        | _settled_columns(done)
        | {"record_ids": ids, "bodies": bodies}
    )
    try:
        # Alone it is a transaction; in the caller's, what fails leaves that as it was.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            rows = wire.rows("receive_raw_records", parameters)
    except DatabaseError as error:
        raise vault.refusal(error) or error from error
    kept = [
        Kept(raw_id=raw_id, record_id=kept_id, is_new=is_new, is_same=is_same)
        for _place_of_it, raw_id, kept_id, is_new, is_same in rows
    ]
    doorbell.ring_after_commit()
    return kept


def opened(record: RawRecord) -> bytes:
    """Return the bytes that were received.

    Raises:
        BodyGoneError: They were deleted.
        KeyRingError: The master keys are not those of this database.
        SealBrokenError: They were changed by somebody.
    """
    return opened_all([record])[record.record_id]


def opened_all(records: Collection[RawRecord]) -> dict[UUID, bytes]:
    """Return the bytes of several records, by record id.  One query for the keys.

    Raises:
        BodyGoneError, KeyRingError, SealBrokenError: See :func:`opened`.
    """
    keys = vault.find([subject_of(each.record_id) for each in records])
    found = {}
    for each in records:
        subject = subject_of(each.record_id)
        key = keys.get(subject)
        if each.body is None or (key is None and subject in keys):
            raise BodyGoneError(each.record_id)
        if key is None:
            raise SealBrokenError
        place = _place(each.record_id)
        found[each.record_id] = sealing.unseal(key.cipher, each.body, place)
    return found


def find(record_id: UUID) -> tuple[RawRecord, RecordMapping]:
    """Return a record and how far it is.

    Raises:
        UnknownRecordError: There is none of this id.
    """
    record = RawRecord.objects.filter(record_id=record_id).first()
    mapping = RecordMapping.objects.filter(record_id=record_id).first()
    if record is None or mapping is None:
        raise UnknownRecordError(record_id)
    return record, mapping


def newest(source: str, entity: str, *, but_not: Collection[str] = ()) -> Newest | None:
    """Return what *source* sent last about *entity*; None if nothing.  Two queries.

    Args:
        source: Name of the source.
        entity: Name of the thing there.
        but_not: States of records that are passed by.
    """
    mine = RecordMapping.objects.filter(source=source, entity=entity)
    mine = mine.exclude(state__in=but_not)
    mapping = mine.order_by("-raw_id").first()
    if mapping is None:
        return None
    return Newest(record=RawRecord.objects.get(pk=mapping.raw_id), mapping=mapping)


def delete_bodies(record_ids: Collection[UUID]) -> int:
    """Delete the bodies of these records for ever; return how many there were."""
    if not record_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT delete_raw_bodies_v1(%s)", [list(record_ids)])
        count: int = cursor.fetchone()[0]
    vault.forget(*map(subject_of, record_ids))
    return count


def forget(subject: str) -> None:
    """Delete what was received about the person of *subject*.

    Must run in a transaction.  Their open records are settled as erased, and later
    ones will be (:mod:`eventstore.intake.mapping`).
    """
    hold(subject)
    # What waits behind a record of theirs has named its entity, and no subject yet.
    theirs = RecordMapping.objects.filter(subject=subject).exclude(entity="")
    same = theirs.filter(source=OuterRef("source"), entity=OuterRef("entity"))
    mine = RecordMapping.objects.filter(Q(subject=subject) | Exists(same))
    delete_bodies(list(mine.values_list("record_id", flat=True)))
    now = timezone.now()
    mine.filter(settled_at=None).update(
        state=State.ERASED, error="", fingerprint="", settled_at=now
    )
    SourceEntity.objects.filter(subject=subject).update(said={}, changed_at=now)


def tell_of(subjects: Mapping[str, str]) -> None:
    """Let what was received about the one subject be about the other, from old to new.

    For who turned out to be somebody we knew already.  Must run in a transaction, after
    whatever it appends; goes with the person if they were erased meanwhile.  One query,
    and four for each subject that something was received about.
    """
    mine = RecordMapping.objects.filter(subject__in=list(subjects))
    for old in sorted(mine.values_list("subject", flat=True).distinct()):
        new = subjects[old]
        hold(new)
        RecordMapping.objects.filter(subject=old).update(subject=new)
        SourceEntity.objects.filter(subject=old).update(subject=new)
        if is_erased(new):
            forget(new)


def hold(subject: str) -> None:
    """Let nobody else forget or settle records of *subject* until the transaction ends.

    Taken after whatever is appended to the stream, by everybody, so nobody deadlocks.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK, subject]
        )


def erased_among(subjects: Collection[str]) -> set[str]:
    """Hold *subjects* as :func:`hold` does, and return those whose person was erased.

    Two queries; none for none.  Must run in a transaction.
    """
    if subjects:
        wire.rows("hold_raw_subjects", {"lock": LOCK, "subjects": list(subjects)})
    return vault.destroyed(subjects)


def is_erased(subject: str) -> bool:
    """Say whether the person of *subject* was erased."""
    return vault.find([subject]).get(subject, False) is None


def expire(*, before: datetime, limit: int) -> int:
    """Delete bodies received before an instant, oldest first; return how many.

    What was not mapped by then never will be.
    """
    old = RawRecord.objects.filter(body__isnull=False, received_at__lt=before)
    ids = list(old.order_by("received_at").values_list("record_id", flat=True)[:limit])
    with transaction.atomic():
        RecordMapping.objects.filter(record_id__in=ids, settled_at=None).update(
            state=State.EXPIRED, settled_at=timezone.now()
        )
        return delete_bodies(ids)


def content_hash(source: str, body: bytes) -> bytes:
    """Return 32 bytes that tell contents apart, and nobody what they are."""
    return _keyed(f"raw content\0{source}\0".encode() + body)


def fact_hash(source: str, entity: str, name: str, value: str) -> str:
    """Return a hash by which a fact that is said again is known, and nothing else."""
    told = f"fact\0{source}\0{entity}\0{name}\0{value}"
    return _keyed(told.encode(errors="surrogatepass")).hex()[:32]


def proper_key(text: str) -> str:
    """Return an id of a source as it is kept: itself, or a hash of an odd one."""
    if len(text) <= KEY_LENGTH and text.isprintable():
        return text
    digest = sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"sha256:{digest}"


def subject_of(record_id: UUID) -> str:
    """Return whose key seals the body of a record: its own."""
    return f"raw-{record_id}"


def _columns(received: Sequence[Received]) -> dict[str, list[object]]:
    hashes = [content_hash(each.source, each.body) for each in received]
    return {
        "sources": [each.source for each in received],
        "kinds": [each.kind for each in received],
        "dedupe_keys": [
            proper_key(each.key) if each.key else f"content:{digest.hex()}"
            for each, digest in zip(received, hashes, strict=True)
        ],
        "content_hashes": list(hashes),
        "content_types": [each.content_type for each in received],
        "headers": [orjson.dumps(dict(each.headers)).decode() for each in received],
        "verified_by": [each.verified_by for each in received],
        "sizes": [len(each.body) for each in received],
    }


def _settled_columns(settled: Sequence[Settled]) -> dict[str, list[object]]:
    return {
        "states": [str(each.state) for each in settled],
        "are_open": [each.state in OPEN for each in settled],
        "entities": [each.entity for each in settled],
        "told_of": [each.subject for each in settled],
        "mappers": [each.mapper for each in settled],
        "mapper_versions": [each.mapper_version for each in settled],
        "errors": [each.error for each in settled],
    }


def _place(record_id: UUID) -> bytes:
    return f"raw\n{record_id}".encode()


def _keyed(told: bytes) -> bytes:
    return hmac.digest(_key(settings.CLAIM_KEY), told, "sha256")


@lru_cache(maxsize=4)
def _key(claim_key: str) -> bytes:
    return hmac.digest(claim_key.encode(), b"annals intake", "sha256")
