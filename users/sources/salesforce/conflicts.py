"""Differences that were not applied: told, brought up to date, settled by a human."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.utils import timezone

from eventstore import circumstances, store
from eventstore.appends import Append
from eventstore.events import ANY, RecordedEvent
from eventstore.wording import worded
from users import services
from users.aggregate import USER
from users.models import SalesforceConflict
from users.sources.salesforce import links, translate
from users.sources.salesforce.comparing import DIFFERS, Case, Difference
from users.sources.salesforce.errors import ConflictError
from users.sources.salesforce.events import (
    SalesforceConflictClosed,
    SalesforceConflictOpened,
    SalesforceConflictResolved,
    SalesforceRecordLinked,
)
from users.values import needed_reason

OURS, THEIRS = "ours", "theirs"


def stream_of(sf_id: str) -> str:
    """Return the stream with what happened between a record and its user."""
    return f"salesforce_record-{sf_id}"


def tell(cases: Sequence[Case]) -> None:
    """Record the links and the differences of these cases; must run in a transaction.

    A difference that is open already is brought up to date, one that was told to the
    letter is told no more, and one that is over is closed.
    """
    last = _last([case.seen.sf_id for case in cases if case.link])
    over: dict[str, list[SalesforceConflict]] = {}
    for case in cases:
        _leave_out_told(case, last)
        agreed = [(case.seen.sf_id, name) for name in sorted(_agreed(case))]
        found = [last[one] for one in agreed if one in last]
        over[case.seen.sf_id] = [row for row in found if row.resolved_at is None]
    told = {
        case.seen.sf_id: (case, _events(case, over[case.seen.sf_id])) for case in cases
    }
    appends = [
        Append(stream=stream_of(sf_id), events=events, expected_version=ANY)
        for sf_id, (_, events) in sorted(told.items())
        if events
    ]
    if not appends:
        return
    versions = {each.stream: each.version for each in store.append_many(appends)}
    for sf_id, (case, _) in told.items():
        first = versions.get(stream_of(sf_id), 0) - len(case.differences) + 1
        for place, difference in enumerate(case.differences):
            _open(case, difference, first + place)
    closed = [row.pk for rows in over.values() for row in rows]
    if closed:
        SalesforceConflict.objects.filter(pk__in=closed).update(
            resolved_at=timezone.now()
        )


def open_among(sf_ids: Collection[str]) -> set[str]:
    """Return those of the records that have an open conflict.  One query."""
    if not sf_ids:
        return set()
    found = SalesforceConflict.objects.filter(sf_id__in=sf_ids, resolved_at=None)
    return set(found.values_list("sf_id", flat=True))


def resolve(
    number: int, *, winner: str, reason: str, version: int | None = None
) -> SalesforceConflict:
    """Let *winner* be right: a command where it is Salesforce, and an event.

    Atomic.

    Args:
        number: Which.
        winner: ``ours`` or ``theirs``.
        reason: Why.
        version: Of the conflict that was looked at; None for whatever there is.

    Raises:
        ConflictError: It is not open, it moved since *version*, Salesforce says
            something else by now, or only what is ours can stand.
        UserError: The command is refused, or *reason* is empty or not acceptable.
    """
    why = needed_reason(reason)
    with transaction.atomic():
        row = (
            SalesforceConflict.objects.select_for_update()
            .filter(pk=number, resolved_at=None)
            .first()
        )
        if row is None:
            message = worded("There is no such open conflict.")
            raise ConflictError(message)
        if version not in (None, row.version):
            message = worded("What Salesforce says changed meanwhile: look again.")
            raise ConflictError(message)
        if winner == THEIRS:
            _apply(row, opening(row).payload, why)
        else:
            _take_note(row)
        resolved = SalesforceConflictResolved(
            record=row.sf_id,
            user=USER.stream(row.user_id),
            attribute=row.attribute,
            winner=winner,
            reason=why,
        )
        store.append(stream_of(row.sf_id), [resolved], expected_version=ANY)
        row.resolved_at = timezone.now()
        row.save(update_fields=["resolved_at"])
    return row


def opening(row: SalesforceConflict) -> RecordedEvent:
    """Return the event that tells what a conflict is about.

    Raises:
        ConflictError: The log has it no more.
    """
    found = store.read_stream(
        stream_of(row.sf_id), from_version=row.version, to_version=row.version
    )
    event = found[0] if found else None
    if event is None or not isinstance(event.payload, SalesforceConflictOpened):
        message = worded("There is nothing in the log about this conflict.")
        raise ConflictError(message)
    return event


def _apply(row: SalesforceConflict, opened: Any, reason: str) -> None:
    if row.kind != DIFFERS:
        message = worded("Salesforce's value cannot be ours; correct it there.")
        raise ConflictError(message)
    link = links.among([row.sf_id]).get(row.sf_id)
    theirs = links.saying(row.sf_id, {row.attribute: opened.theirs})
    if link is None or theirs[row.attribute] != link.said.get(row.attribute):
        message = worded("Salesforce no longer says so: let what is ours be right.")
        raise ConflictError(message)
    command = translate.change(row.user_id, row.attribute, opened.theirs, reason)
    # It is their value that becomes ours, whoever owns it.
    services.execute(command, circumstances.current(), overrides=True)


def _take_note(row: SalesforceConflict) -> None:
    """Let the link know what Salesforce says, as it will not be applied any more."""
    link = links.among([row.sf_id]).get(row.sf_id)
    if link is None or row.kind == DIFFERS:  # then it knows
        return
    with suppress(ConflictError):  # what the log does not tell can be settled, too
        if theirs := opening(row).payload.theirs:
            link.said |= links.saying(row.sf_id, {row.attribute: theirs})
            links.save([link])


def _last(sf_ids: Sequence[str]) -> dict[tuple[str, str], SalesforceConflict]:
    """Return the newest conflict of each attribute of these records.  One query."""
    if not sf_ids:
        return {}
    rows = SalesforceConflict.objects.select_for_update().filter(sf_id__in=sf_ids)
    return {(row.sf_id, row.attribute): row for row in rows.order_by("sf_id", "pk")}


def _agreed(case: Case) -> set[str]:
    return set() if case.quarantined else case.agreed


def _leave_out_told(
    case: Case, last: Mapping[tuple[str, str], SalesforceConflict]
) -> None:
    case.differences = [
        each
        for each in case.differences
        if not _is_told(each, last.get((case.seen.sf_id, each.attribute)))
    ]


def _is_told(difference: Difference, row: SalesforceConflict | None) -> bool:
    """Say whether the newest conflict is about this, and did not just pass."""
    if row is None or difference.kind == DIFFERS:  # which is only found when it is new
        return False
    events = store.read_stream(stream_of(row.sf_id), from_version=row.version)
    told, *later = [event.payload for event in events] or [None]
    return (
        isinstance(told, SalesforceConflictOpened)
        and (told.kind, told.ours) == (difference.kind, difference.ours)
        and told.theirs == difference.theirs
        and not any(
            isinstance(each, SalesforceConflictClosed)
            and each.attribute == difference.attribute
            for each in later
        )
    )


def _events(case: Case, over: Sequence[SalesforceConflict]) -> list[Any]:
    linked = SalesforceRecordLinked(
        record=case.seen.sf_id, user=case.stream, matched_by=case.matched_by
    )
    closed = [
        SalesforceConflictClosed(
            record=case.seen.sf_id, user=case.stream, attribute=row.attribute
        )
        for row in over
    ]
    opened = [
        SalesforceConflictOpened(
            record=case.seen.sf_id,
            user=USER.stream(case.user_id),
            attribute=each.attribute,
            kind=each.kind,
            base=each.base,
            ours=each.ours,
            theirs=each.theirs,
        )
        for each in case.differences
    ]
    is_linked = case.is_matched and not case.quarantined
    return [*([linked] if is_linked else []), *closed, *opened]


def _open(case: Case, difference: Difference, version: int) -> None:
    SalesforceConflict.objects.update_or_create(
        sf_id=case.seen.sf_id,
        attribute=difference.attribute,
        resolved_at=None,
        defaults={"kind": difference.kind, "version": version},
        create_defaults={
            "kind": difference.kind,
            "version": version,
            "user_id": case.user_id,
            "opened_at": timezone.now(),
        },
    )
