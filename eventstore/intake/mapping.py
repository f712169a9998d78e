"""Raw records -> commands: in order within each entity, each taking effect once.

One worker maps a source at a time, one record a transaction: what the mapper did, what
the source said and the record's state commit together (ADR-0037).
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import faults
from eventstore.circumstances import acting
from eventstore.errors import SealBrokenError, UnreadableEventError
from eventstore.intake import raw, registry, sources
from eventstore.intake.errors import BodyGoneError, MapperError, SubjectErasedError
from eventstore.intake.models import RawRecord, RecordMapping, SourceEntity
from eventstore.intake.registry import Change, Mapper, Reading, Record

logger = logging.getLogger(__name__)

# Seconds to wait after each failure; then an operator is waited for.
RETRIES = (5, 30, 300, 1_800, 7_200, 28_800)
LANE = 7342  # advisory, with the hash of a source
State = RecordMapping.State
DUE = (State.PENDING, State.FAILING)
STUCK = (State.FAILING, State.QUARANTINED, State.WAITING)


def map_due(seconds: float) -> bool:
    """Map what is due, source by source, for so long; False when there is more.

    Safe to run at any time, twice, and beside other workers.  Trouble of the
    installation puts a source off; a lost database connection is raised.
    """
    end = time.monotonic() + seconds
    for source in _due().order_by("source").values_list("source", flat=True).distinct():
        while map_next(source):
            if time.monotonic() > end:
                return False
    return True


def is_due() -> bool:
    """Return whether a record waits to be mapped.  One query."""
    return _due().exists()


def map_next(source: str) -> bool:
    """Map the oldest due record of *source*; False when there is none.

    None either while another worker maps the source.  A transaction of its own.  A lost
    database connection is raised.
    """
    try:
        with transaction.atomic():
            if not _is_mine(source):
                return False
            found = _due().filter(source=source).order_by("raw_id").first()
            if found is not None:
                _map(found)
            return found is not None
    # Trouble of the installation: the source waits, in order, and others go on.
    except Exception as error:
        if faults.is_lost_connection(error):
            raise
        told = {"source": source, "error": faults.described(error)}
        logger.warning("mapping put off", extra=told)
        return False


def take_lane(source: str) -> None:
    """Keep every worker from mapping *source* until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LANE, source])


def state_entity(
    reading: Reading,
    *,
    mapper: Mapper,
    record: Record,
    entity: str,
    is_reprocessing: bool = False,
) -> frozenset[str]:
    """Have *mapper* do what a reading says that is new; return the facts that were.

    Must run in a transaction that holds the lane of the source.

    Raises:
        SubjectErasedError: The person was erased.
    """
    if raw.is_erased(reading.subject):
        raise SubjectErasedError
    mine = SourceEntity.objects.filter(source=record.source, entity=entity)
    known = mine.first() or SourceEntity(source=record.source, entity=entity)
    told = {
        name: raw.fact_hash(record.source, entity, name, value)
        for name, value in reading.facts.items()
    }
    changed = frozenset(n for n in told if known.said.get(n) != told[n])
    if changed:
        change = Change(
            source=record.source,
            entity=entity,
            subject=reading.subject,
            facts=reading.facts,
            changed=changed,
            is_reprocessing=is_reprocessing,
        )
        with acting(**_circumstances(reading, mapper, record, change)):
            mapper.apply(change)
    # Whoever erases the person meanwhile sees this record, or is seen here.  Nothing
    # is written before: they append first and then write here, too.
    raw.hold(reading.subject)
    if raw.is_erased(reading.subject):
        raise SubjectErasedError
    known.said |= told
    known.subject, known.changed_at = reading.subject, timezone.now()
    known.occurred_at = reading.occurred_at or known.occurred_at
    known.save()
    return changed


def settle(mapping: RecordMapping, state: str, error: str = "") -> None:
    """Close a record and let go what waited behind it; must run in a transaction."""
    mapping.state, mapping.error, mapping.fingerprint = state, error, ""
    mapping.settled_at = timezone.now()
    mapping.save()
    free(mapping.source, mapping.entity)


def free(source: str, entity: str) -> None:
    """Let the records of an entity go that wait for none that is stuck."""
    mine = RecordMapping.objects.filter(source=source, entity=entity)
    stuck = mine.filter(state__in=(State.FAILING, State.QUARANTINED))
    waiting = mine.filter(state=State.WAITING)
    if entity and waiting.exists() and not stuck.exists():
        waiting.update(state=State.PENDING, next_attempt_at=Now())


def _due() -> QuerySet[RecordMapping]:
    return RecordMapping.objects.filter(state__in=DUE, next_attempt_at__lte=Now())


def _is_mine(source: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [LANE, source]
        )
        is_mine: bool = cursor.fetchone()[0]
        return is_mine


def _map(mapping: RecordMapping) -> None:
    try:
        with transaction.atomic():
            state = _carried_out(mapping)
    except SubjectErasedError:
        raw.delete_bodies([mapping.record_id])
        settle(mapping, State.ERASED)
    except BodyGoneError:
        settle(mapping, State.EXPIRED)
    # Whatever a mapper raises: its entity waits, everyone else goes on.
    except Exception as error:
        if not _is_of_the_record(error):
            raise
        _fail(mapping, error)
    else:
        if state == State.WAITING:
            mapping.state = state
            mapping.save()
        else:
            settle(mapping, state)


def _carried_out(mapping: RecordMapping) -> str:
    record = RawRecord.objects.get(pk=mapping.raw_id)
    mapper = registry.mapper(sources.mapper_of(mapping.source))
    mapping.mapper, mapping.mapper_version = mapper.name, mapper.version
    seen = registry.seen(record, raw.opened(record))
    entity = mapper.entity(seen)
    if not entity:
        return State.IGNORED
    mapping.entity = raw.proper_key(entity)
    if _is_behind(mapping):
        return State.WAITING
    reading = mapper.read(seen)
    if reading is None:
        return State.IGNORED
    mapping.subject, mapping.occurred_at = reading.subject, reading.occurred_at
    if _is_stale(mapping, reading):
        return State.STALE
    changed = state_entity(reading, mapper=mapper, record=seen, entity=mapping.entity)
    return State.APPLIED if changed else State.UNCHANGED


def _is_behind(mapping: RecordMapping) -> bool:
    return RecordMapping.objects.filter(
        source=mapping.source,
        entity=mapping.entity,
        raw_id__lt=mapping.raw_id,
        state__in=STUCK,
    ).exists()


def _is_stale(mapping: RecordMapping, reading: Reading) -> bool:
    if reading.occurred_at is None:
        return False
    return SourceEntity.objects.filter(
        source=mapping.source,
        entity=mapping.entity,
        occurred_at__gt=reading.occurred_at,
    ).exists()


def _circumstances(
    reading: Reading, mapper: Mapper, record: Record, change: Change
) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "intake": record.source,
        "raw": str(record.record_id),
        "entity": change.entity,
        "mapper": mapper.name,
        "mapper_version": mapper.version,
    }
    if change.is_reprocessing:
        extra["reprocessed"] = True
    return {
        "actor": f"integration:{record.source}",
        "source": mapper.via,
        "correlation_id": record.record_id,
        "causation_id": record.record_id,
        "occurred_at": _not_later_than_now(reading.occurred_at),
        "extra": extra,
    }


def _not_later_than_now(occurred_at: datetime | None) -> datetime | None:
    return occurred_at and min(occurred_at, timezone.now())


def _is_of_the_record(error: Exception) -> bool:
    is_alone = isinstance(error, SealBrokenError | UnreadableEventError)
    return is_alone or faults.is_of_the_event(error)


def _fail(mapping: RecordMapping, error: Exception) -> None:
    # A mapper's own refusal is the same next time; anything else may pass.
    is_final = isinstance(error, MapperError)
    tries = mapping.attempts
    mapping.attempts += 1
    mapping.error = str(error) if is_final else faults.described(error)
    group = f"{mapping.source} {error}" if is_final else mapping.source
    mapping.fingerprint = faults.fingerprint(group, error)
    is_parked = is_final or tries >= len(RETRIES)
    mapping.state = State.QUARANTINED if is_parked else State.FAILING
    wait = 0 if is_parked else RETRIES[tries]
    mapping.next_attempt_at = Now() + timedelta(seconds=wait)
    mapping.save()
    logger.error(
        "record not mapped",
        extra={
            "source": mapping.source,
            "record": str(mapping.record_id),
            "attempts": mapping.attempts,
            "error": mapping.error,
        },
    )
