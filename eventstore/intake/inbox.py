"""What operators ask about raw records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Case, Count, Max, Min, Q, TextField, Value, When

from eventstore import conversations, store
from eventstore.events import ANY, RecordedEvent
from eventstore.intake import raw
from eventstore.intake.events import CATEGORY, RecordRevealed
from eventstore.intake.models import RawRecord, RecordMapping

SHOWN = 50  # records on a page
SAMPLE = 20  # entities of a kind of unusable records
STUCK = (RecordMapping.State.FAILING, RecordMapping.State.QUARANTINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records are listed; what is empty does not matter.

    Attributes:
        text: A record id, an entity, or the source's own id, exactly.
        group: Fingerprint of an error.
        error: What a record says is wrong with it, exactly.
        until: Received at or before this instant.
        before: Below this number, for the next page.
    """

    source: str = ""
    state: str = ""
    text: str = ""
    group: str = ""
    error: str = ""
    until: datetime | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of the list."""

    record: RawRecord
    mapping: RecordMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Records of a source that failed alike.

    Attributes:
        error: As one of them says.
        records: How many failed; each holds up one entity.
        parked: How many of those wait for an operator.
    """

    fingerprint: str
    source: str
    error: str
    records: int
    parked: int
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Records that make no sense to their mapper, for one reason.

    Attributes:
        error: The mapper's code.
        entities: What some of them tell of, sorted; those that say so.
    """

    error: str
    records: int
    entities: Sequence[str]


def listed(wanted: Wanted) -> list[Entry]:
    """Return up to 51 records, newest first: one more than a page shows.

    Two queries.
    """
    found = RecordMapping.objects.order_by("-raw_id")
    for name, value in (
        ("source", wanted.source),
        ("state", wanted.state),
        ("fingerprint", wanted.group),
        ("error", wanted.error),
        ("raw_id__lt", wanted.before),
    ):
        if value:
            found = found.filter(**{name: value})
    if wanted.text:
        found = found.filter(_named(wanted.text))
    if wanted.until is not None:
        earlier = RawRecord.objects.filter(received_at__lte=wanted.until)
        last = earlier.order_by("-received_at", "-pk").values_list("pk", flat=True)
        found = found.filter(raw_id__lte=last.first() or 0)
    mappings = list(found[: SHOWN + 1])
    records: Mapping[int, RawRecord] = RawRecord.objects.defer("body").in_bulk(
        [each.raw_id for each in mappings]
    )
    return [Entry(record=records[each.raw_id], mapping=each) for each in mappings]


def groups() -> list[Group]:
    """Return what failed alike, the newest trouble first.  One query.

    What a connector could not use has no fingerprint: the error tells it apart.
    """
    alike = Case(
        When(fingerprint="", then="error"), default=Value(""), output_field=TextField()
    )
    found = (
        RecordMapping.objects.filter(state__in=STUCK)
        .annotate(alike=alike)
        .values("fingerprint", "source", "alike")
        .annotate(
            told=Max("error"),
            records=Count("pk"),
            parked=Count("pk", filter=Q(state=RecordMapping.State.QUARANTINED)),
            first=Min("raw_id"),
            last=Max("raw_id"),
        )
        .order_by("-last")
    )
    return [
        Group(
            fingerprint=row["fingerprint"],
            source=row["source"],
            error=row["told"],
            records=row["records"],
            parked=row["parked"],
            first_id=row["first"],
            last_id=row["last"],
        )
        for row in found
    ]


def counts() -> tuple[int, int]:
    """Return how many records are due to be mapped, and how many failed.  One query."""
    pending = Q(state=RecordMapping.State.PENDING)
    open_ones = RecordMapping.objects.filter(pending | Q(state__in=STUCK))
    found = open_ones.aggregate(
        due=Count("pk", filter=pending), stuck=Count("pk", filter=~pending)
    )
    return found["due"], found["stuck"]


def quarantined(source: str) -> int:
    """Return how many records of a source make no sense to their mapper.  One query."""
    mine = RecordMapping.objects.filter(source=source)
    return mine.filter(state=RecordMapping.State.QUARANTINED).count()


def entities(source: str, error: str, *, limit: int) -> list[str]:
    """Return of what a source said something that is quarantined with *error*.

    At most *limit*, sorted.  One query.
    """
    found = RecordMapping.objects.filter(
        source=source, state=RecordMapping.State.QUARANTINED, error=error
    ).exclude(entity="")
    ordered = found.order_by("entity").values_list("entity", flat=True)
    return list(ordered.distinct()[:limit])


def received_unusable(source: str, since: datetime, until: datetime) -> list[Unusable]:
    """Return what is in quarantine of what a source sent between two instants.

    By kind, the most frequent first.  One query.
    """
    received = RawRecord.objects.filter(
        source=source, received_at__gte=since, received_at__lte=until
    )
    found = (
        RecordMapping.objects.filter(
            source=source,
            state=RecordMapping.State.QUARANTINED,
            raw_id__in=received.values("pk"),
        )
        .values("error")
        .annotate(
            records=Count("pk"),
            entities=ArrayAgg("entity", filter=~Q(entity=""), default=Value([])),
        )
        .order_by("-records", "error")
    )
    return [
        Unusable(
            error=row["error"],
            records=row["records"],
            entities=sorted(set(row["entities"]))[:SAMPLE],
        )
        for row in found
    ]


def of_group(fingerprint: str) -> tuple[UUID, ...]:
    """Return the ids of the records of a group."""
    found = RecordMapping.objects.filter(state__in=STUCK, fingerprint=fingerprint)
    return tuple(found.order_by("raw_id").values_list("record_id", flat=True))


def waiting_behind(mapping: RecordMapping) -> int:
    """Return how many later records of its entity wait for an open one."""
    if not mapping.entity or mapping.state not in STUCK:
        return 0
    return RecordMapping.objects.filter(
        source=mapping.source,
        entity=mapping.entity,
        raw_id__gt=mapping.raw_id,
        state=RecordMapping.State.WAITING,
    ).count()


def events_of(record_id: UUID) -> Sequence[RecordedEvent]:
    """Return the events that a record led to, in order of position."""
    return conversations.caused_by(record_id)


def sources_seen() -> list[str]:
    """Return the names of all sources that ever sent something, sorted."""
    found = RecordMapping.objects.order_by("source").values_list("source", flat=True)
    return list(found.distinct())


def reveal(record_id: UUID) -> bytes:
    """Return the body of a record, and record that somebody was shown it.

    Raises:
        BodyGoneError, KeyRingError, SealBrokenError: See ``raw.opened``.
        UnknownRecordError: There is none.
    """
    record, _mapping = raw.find(record_id)
    with transaction.atomic():
        body = raw.opened(record)
        fact = RecordRevealed(source=record.source, record=str(record_id))
        store.append(f"{CATEGORY}-{record.source}", [fact], expected_version=ANY)
    return body


def _named(text: str) -> Q:
    try:
        return Q(record_id=UUID(text))
    except ValueError:
        # NUL is in no key that is kept, and the server refuses to be asked for it.
        key = raw.proper_key(text)
    keys = RawRecord.objects.filter(dedupe_key=key).values("pk")
    return Q(entity=key) | Q(raw_id__in=keys)
