"""Hints that a record changed: kept by the intake, then read again from Salesforce.

What an outbound message or a change event says of a person is never believed: it may be
old, out of order or sent again.  It only names a record, and a run in mode ``record``
asks (ADR-0045).
"""

from __future__ import annotations

import logging
from datetime import timedelta

import uuid_utils.compat as uuid
from django.db import transaction
from django.db.models.functions import Now

from eventstore.circumstances import acting
from eventstore.errors import EventStoreError
from eventstore.events import SALESFORCE
from eventstore.intake import raw
from eventstore.intake.change_events import ChangeEvent
from eventstore.intake.errors import MapperError
from eventstore.intake.outbound import Notification
from eventstore.intake.registry import Change, Mapper, Reading, Record
from users.aggregate import USER
from users.models import SalesforceHint, SalesforceRun
from users.sources.salesforce import bell, links, runs, shut_out, translate
from users.sources.salesforce.errors import RecordIdError, RunActiveError
from users.sources.salesforce.ids import canonical
from users.sources.salesforce.options import options
from users.sources.salesforce.run_state import Mode

logger = logging.getLogger(__name__)


class MovedError(EventStoreError):
    """The record was linked to somebody else a moment ago; the next try knows whom."""


def entity(record: Record) -> str:
    """Return the record that a message names; nothing if it is of no interest.

    Raises:
        MapperError: It is neither notification nor change event, or names no record.
    """
    told = _told(record)
    if told.sobject != options().sobject:
        return ""
    if not told.record:
        code = "overflow"
        raise MapperError(code)
    try:
        return canonical(told.record)
    except RecordIdError:
        code = "bad_id"
        raise MapperError(code) from None


def read(record: Record) -> Reading:
    """Return that the record changed, and of whom it tells as far as we know.

    Asks for the link: the person may have been known before Salesforce told of them.

    Raises:
        MapperError: See :func:`entity`.
    """
    # Each message is news, though it names the same record as the one before.
    facts = {"notification": _told(record).id}
    return Reading(subject=_subject(entity(record)), facts=facts)


def apply(change: Change) -> None:
    """Note that the record is to be read; once, however many notifications name it.

    Raises:
        MovedError: See there.
    """
    # Whoever links the record meanwhile waits, and then finds what was kept.
    links.rely()
    if _subject(change.entity) != change.subject:
        raise MovedError
    hint = SalesforceHint(sf_id=change.entity, hinted_at=Now())
    SalesforceHint.objects.bulk_create([hint], ignore_conflicts=True)
    bell.ring_after_commit()


def start_run() -> SalesforceRun | None:
    """Start a run over the records that were hinted at; None when it is not its time.

    Not while another run is under way, nor so soon after the last one, nor while
    Salesforce lets nobody in; hints wait in
    the database.  A hint that comes while its record is read leads to another run.
    """
    told = options()
    if not told.enabled or not told.login_url or _was_just_now(told.hint_seconds):
        return None
    if shut_out.is_so():  # a run by hand that is let in ends it
        return None
    try:
        with transaction.atomic():
            waiting = SalesforceHint.objects.select_for_update(skip_locked=True)
            taken = list(
                waiting.order_by("hinted_at").values_list("sf_id", flat=True)[
                    : runs.MOST_IDS
                ]
            )
            if not taken:
                return None
            with acting(
                actor=translate.ACTOR, source=SALESFORCE, correlation_id=uuid.uuid7()
            ):
                started = runs.start(Mode.RECORD, ids=taken, reason=REASON)
            SalesforceHint.objects.filter(sf_id__in=taken).delete()
    except RunActiveError:
        return None
    logger.info("hints taken", extra={"records": len(taken)})
    return started


REASON = "Salesforce said that they changed."
HINTS = Mapper(
    name="salesforce_hints",
    version=1,
    entity=entity,
    read=read,
    apply=apply,
    via=SALESFORCE,
)


def _told(record: Record) -> Notification | ChangeEvent:
    is_change = record.kind == raw.CHANGE_EVENT
    return record.change() if is_change else record.notification()


def _subject(sf_id: str) -> str:
    link = links.among([sf_id]).get(sf_id)
    return USER.stream(link.user_id if link else translate.user_id_of(sf_id))


def _was_just_now(seconds: int) -> bool:
    mine = SalesforceRun.objects.filter(mode=Mode.RECORD, actor=translate.ACTOR)
    # The last thing that is written of a run, and by the database's clock (ADR-0043).
    return mine.filter(due_at__gt=Now() - timedelta(seconds=seconds)).exists()
