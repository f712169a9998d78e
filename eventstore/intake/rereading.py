"""Entities whose old records say what they said: found many at a time.

Most are so after a repair.  Whatever is not plain is left to whoever takes them one by
one (:mod:`eventstore.intake.reprocessing`); nothing is written here but by which
version of the mapper the records were read last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Sum

from eventstore import faults
from eventstore.errors import SealBrokenError
from eventstore.intake import mapping, raw, registry
from eventstore.intake.errors import BodyGoneError
from eventstore.intake.models import RawRecord, RecordMapping, SourceEntity
from eventstore.intake.registry import Mapper, Reading, Record

State = RecordMapping.State
MAPPED = (State.APPLIED, State.UNCHANGED, State.STALE)
AT_ONCE = 200  # entities
MOST_BYTES = 16_777_216  # of all their bodies, or they are taken one by one
Read = tuple[Record, Reading]


def unchanged(source: str, entities: Sequence[str], mapper: Mapper) -> set[str]:
    """Return those of *entities* whose records say nothing new, read by *mapper*.

    They are noted as read by it.  A transaction of its own that holds the lane of the
    source.  About eight queries.

    Args:
        source: Their source.
        entities: At most ``AT_ONCE``.
        mapper: The repaired one.
    """
    with transaction.atomic():
        mapping.take_lane(source)
        theirs = RecordMapping.objects.filter(
            source=source, entity__in=entities, state__in=MAPPED
        )
        read = _read(theirs, mapper)
        known = {
            each.entity: each
            for each in SourceEntity.objects.filter(source=source, entity__in=read)
        }
        same = {
            entity: known[entity].subject
            for entity, its in read.items()
            if entity in known and _says_the_same(its, known[entity])
        }
        erased = raw.erased_among(set(same.values()))
        found = {entity for entity, subject in same.items() if subject not in erased}
        theirs.filter(entity__in=found).update(
            mapper=mapper.name, mapper_version=mapper.version
        )
        return found


def whole(read: Sequence[Read]) -> tuple[Mapping[str, str], datetime | None]:
    """Return the facts that records lead to together, and since when they are true.

    Args:
        read: At least one record and what it says, in order of arrival.
    """
    facts: dict[str, str] = {}
    latest: datetime | None = None
    for _record, reading in read:
        if latest and reading.occurred_at and reading.occurred_at < latest:
            continue
        facts |= reading.facts
        latest = reading.occurred_at or latest
    return facts, latest


def readings(
    records: Iterable[RawRecord], bodies: Mapping[UUID, bytes], mapper: Mapper
) -> list[Read]:
    """Return those of *records* that say something, and what."""
    found = []
    for each in records:
        seen = registry.seen(each, bodies[each.record_id])
        reading = mapper.read(seen)
        if reading is not None:
            found.append((seen, reading))
    return found


def _read(
    theirs: QuerySet[RecordMapping], mapper: Mapper
) -> Mapping[str, Sequence[Read]]:
    """Return what the records of each entity say; of those that can be read alone."""
    entity_of = dict(theirs.values_list("raw_id", "entity"))
    kept = RawRecord.objects.filter(pk__in=entity_of, body__isnull=False)
    if (kept.aggregate(size=Sum("size_bytes"))["size"] or 0) > MOST_BYTES:
        return {}
    records = list(kept.order_by("pk"))
    try:
        bodies = raw.opened_all(records)
    except (BodyGoneError, SealBrokenError):
        return {}
    by_entity: dict[str, list[RawRecord]] = {}
    for each in records:
        by_entity.setdefault(entity_of[each.pk], []).append(each)
    found = {}
    for entity, its in by_entity.items():
        try:
            if read := readings(its, bodies, mapper):
                found[entity] = read
        # Whoever takes it alone meets the same, and says so.
        except Exception as error:
            if not faults.is_of_the_event(error):
                raise
    return found


def _says_the_same(read: Sequence[Read], known: SourceEntity) -> bool:
    facts, latest = whole(read)
    record, last = read[-1]
    told = {
        name: raw.fact_hash(record.source, known.entity, name, value)
        for name, value in facts.items()
    }
    is_same = all(known.said.get(name) == each for name, each in told.items())
    is_same_time = latest is None or latest == known.occurred_at
    return is_same and is_same_time and last.subject == known.subject
