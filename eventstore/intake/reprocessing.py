"""Mapping again after a repair, and giving a record up; each act is an event.

An open record is tried again.  Of entities whose records were mapped already, all that
the source ever said is read again in order, and only what comes out otherwise than
before is handed to the mapper (ADR-0037).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from eventstore import doorbell, faults, reasons, store
from eventstore.events import ANY, SALESFORCE
from eventstore.intake import mapping, raw, registry, rereading, sources
from eventstore.intake.errors import (
    FetchedError,
    RecordStateError,
    SourceSettingsError,
    SubjectErasedError,
    UnknownMapperError,
    UnknownRecordError,
    UnknownSourceError,
)
from eventstore.intake.events import CATEGORY, RecordSkipped, RecordsReprocessed
from eventstore.intake.models import RawRecord, RecordMapping
from eventstore.intake.registry import Mapper
from eventstore.intake.rereading import MAPPED
from eventstore.models import StoredEvent
from eventstore.wording import worded

State = RecordMapping.State
# What fetches records by itself, and the command that has it fetch some again.
CONNECTORS = {SALESFORCE: "manage.py salesforce_sync --mode record --ids"}
TRIED_AGAIN = (State.FAILING, State.QUARANTINED, State.IGNORED, State.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records.

    Attributes:
        source: Name of their source.
        since: Only those received at or after this instant.
        states: Only those in one of these states; all when empty.
        records: Only these; all when empty.
        older_than: Only those that an older version of the mapper mapped.
    """

    source: str
    since: datetime | None = None
    states: tuple[str, ...] = ()
    records: tuple[UUID, ...] = ()
    older_than: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a selection.

    Attributes:
        records: How many were selected.
        retried: Open ones, to be mapped again by the workers.
        entities: Entities read again.
        changed: Those of them for which something came out otherwise.
        failed: Those that the mapper failed at; they stay as they were.
        events: How many events came of the entities.
    """

    records: int = 0
    retried: int = 0
    entities: int = 0
    changed: int = 0
    failed: int = 0
    events: int = 0


def reprocess(
    wanted: Selection,
    *,
    reason: str,
    is_dry: bool = False,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Outcome:
    """Map the selected records again; running it twice changes nothing more.

    A transaction for each entity of which something may have changed, and one for many
    others.  Erased people's and deleted bodies are passed by.

    Args:
        wanted: Which records.
        reason: Why, for the log.
        is_dry: Do all of it in one transaction and roll that back.
        tell: Told how many of how many entities are done.

    Raises:
        NoReasonError: *reason* is empty.
        FetchedError: A connector fetched them, and reads them itself.
        UnknownMapperError, UnknownSourceError: Nobody can map them.
    """
    why = reasons.wanted(reason)
    _refuse_fetched(wanted)
    mapper = registry.mapper(sources.mapper_of(wanted.source))
    if not is_dry:
        return _carried_out(wanted, mapper, why, tell)
    with transaction.atomic():
        outcome = _carried_out(wanted, mapper, why, tell)
        transaction.set_rollback(True)
        return outcome


def may_map(source: str) -> bool:
    """Return whether a mapper reads what *source* sends."""
    try:
        registry.mapper(sources.mapper_of(source))
    except (SourceSettingsError, UnknownMapperError, UnknownSourceError):
        return False
    return True


def skip(record_id: UUID, *, reason: str) -> None:
    """Give an open record up, and let go what waits behind it.

    Raises:
        NoReasonError: *reason* is empty.
        RecordStateError: It is not open.
        UnknownRecordError: There is none.
    """
    why = reasons.wanted(reason)
    with transaction.atomic():
        source = raw.find(record_id)[1].source
        mapping.take_lane(source)
        found = RecordMapping.objects.get(record_id=record_id)
        if found.state not in raw.OPEN:
            text = worded(
                "The record is {state}; only an open one can be skipped.",
                state=str(found.state),
            )
            raise RecordStateError(text)
        stream = f"{CATEGORY}-{source}"
        fact = RecordSkipped(
            source=source,
            record=str(record_id),
            subject=found.subject or stream,
            reason=why,
        )
        store.append(stream, [fact], expected_version=ANY)
        mapping.settle(found, State.SKIPPED)
        doorbell.ring_after_commit()


def _refuse_fetched(wanted: Selection) -> None:
    command = CONNECTORS.get(wanted.source, "")
    if not command or wanted.source in sources.every():
        return
    named = RecordMapping.objects.filter(record_id__in=wanted.records)
    entities = named.exclude(entity="").values_list("entity", flat=True)
    ids = " ".join(sorted(set(entities))) or "…"
    raise FetchedError(wanted.source, f"{command} {ids}")


def _carried_out(
    wanted: Selection, mapper: Mapper, why: str, tell: Callable[[int, int], None]
) -> Outcome:
    found = _selected(wanted)
    count = found.count()
    if not count:
        if wanted.records:
            raise UnknownRecordError(wanted.records[0])
        return Outcome()
    entities = sorted(
        set(found.filter(state__in=MAPPED).values_list("entity", flat=True))
    )
    with transaction.atomic():
        fact = RecordsReprocessed(
            source=wanted.source,
            records=f"{count} record{'s' * (count > 1)}",
            mapper_version=mapper.version,
            reason=why,
        )
        store.append(f"{CATEGORY}-{wanted.source}", [fact], expected_version=ANY)
        retried = found.filter(state__in=TRIED_AGAIN).update(
            state=State.PENDING,
            attempts=0,
            error="",
            fingerprint="",
            settled_at=None,
            next_attempt_at=Now(),
        )
        doorbell.ring_after_commit()
    outcome = Outcome(records=count, retried=retried)
    done = 0
    for first in range(0, len(entities), rereading.AT_ONCE):
        some = entities[first : first + rereading.AT_ONCE]
        same = rereading.unchanged(wanted.source, some, mapper)
        for entity in some:
            came = (
                Outcome(entities=1)
                if entity in same
                else _refolded(wanted.source, entity, mapper)
            )
            outcome = _added(outcome, came)
            done += 1
            tell(done, len(entities))
    return outcome


def _selected(wanted: Selection) -> QuerySet[RecordMapping]:
    found = RecordMapping.objects.filter(source=wanted.source)
    if wanted.states:
        found = found.filter(state__in=wanted.states)
    elif wanted.records:
        found = found.filter(state__in=(*TRIED_AGAIN, *MAPPED))
    else:  # what was given up is taken up again only when it is named
        states = set(TRIED_AGAIN) - {State.SKIPPED} | set(MAPPED)
        found = found.filter(state__in=states)
    if wanted.records:
        found = found.filter(record_id__in=wanted.records)
    if wanted.older_than is not None:
        found = found.filter(
            Q(mapper_version__lt=wanted.older_than) | Q(state__in=TRIED_AGAIN)
        )
    if wanted.since is not None:
        recent = RawRecord.objects.filter(
            source=wanted.source, received_at__gte=wanted.since
        )
        found = found.filter(raw_id__in=recent.values("pk"))
    return found


def _refolded(source: str, entity: str, mapper: Mapper) -> Outcome:
    try:
        with transaction.atomic():
            mapping.take_lane(source)
            return _refold(source, entity, mapper)
    except SubjectErasedError:
        return Outcome(entities=1)
    # What a mapper cannot do now stays as it was, and the others go on.
    except Exception as error:
        if not faults.is_of_the_event(error):
            raise
        return Outcome(entities=1, failed=1)


def _refold(source: str, entity: str, mapper: Mapper) -> Outcome:
    mine = RecordMapping.objects.filter(
        source=source, entity=entity, state__in=MAPPED
    ).order_by("raw_id")
    records = list(_kept(list(mine)))
    read = rereading.readings(records, raw.opened_all(records), mapper)
    if not read:
        return Outcome(entities=1)
    facts, latest = rereading.whole(read)
    record, last = read[-1]
    whole = replace(last, facts=facts, occurred_at=latest)
    before = _events_of(record.record_id)
    changed = mapping.state_entity(
        whole, mapper=mapper, record=record, entity=entity, is_reprocessing=True
    )
    mine.update(mapper=mapper.name, mapper_version=mapper.version)
    made = _events_of(record.record_id) - before
    return Outcome(entities=1, changed=int(bool(changed)), events=made)


def _kept(mappings: list[RecordMapping]) -> QuerySet[RawRecord]:
    ids = [each.raw_id for each in mappings]
    return RawRecord.objects.filter(pk__in=ids, body__isnull=False).order_by("pk")


def _events_of(record_id: UUID) -> int:
    return StoredEvent.objects.filter(causation_id=record_id).count()


def _added(one: Outcome, other: Outcome) -> Outcome:
    return replace(
        one,
        entities=one.entities + other.entities,
        changed=one.changed + other.changed,
        failed=one.failed + other.failed,
        events=one.events + other.events,
    )
