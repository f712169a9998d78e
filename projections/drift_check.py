"""The drift detector: looks at some users at a time, and tells where rows are wrong.

It goes round: each look takes the users after those of the last, so that every row is
looked at once a round, rows of nobody included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from projections import drift, findings, scopes
from projections.findings import Finding
from projections.models import DriftCheck
from projections.read_models import NAMES, READ_MODELS
from projections.scopes import Scope

CHUNK = 100  # users looked at at once


@dataclass(slots=True, kw_only=True)
class Report:
    """What a check found.

    Attributes:
        checked: Users looked at.
        drifted: Those whose rows are wrong.
        failed: Those whose rows cannot be derived.
    """

    checked: int = 0
    drifted: list[Finding] = field(default_factory=list)
    failed: list[Finding] = field(default_factory=list)


def look_on(*, users: int) -> Report:
    """Look at the next *users* of the round, and note what is wrong.

    One detector at a time: while another looks, nothing is looked at.
    """
    with transaction.atomic():
        at = DriftCheck.objects.select_for_update(skip_locked=True).first()
        if at is None or users <= 0:
            return Report()
        report = Report()
        chunk = scopes.everybody().after(at.cursor, limit=users)
        _look([user_id for _cursor, user_id in chunk], report)
        at.cursor = chunk[-1][0] if chunk else ""
        at.checked, at.failed = report.checked, len(report.failed)
        at.checked_at = timezone.now()
        if not chunk:
            at.round_ended_at = at.checked_at
        at.save()
    return report


def look_at(
    scope: Scope,
    *,
    sample: int = 0,
    on_chunk: Callable[[int], None] | None = None,
) -> Report:
    """Look at *scope*, or a random sample of it, and note what is wrong.

    Args:
        scope: Whom.
        sample: So many of them; 0 for all.
        on_chunk: Called with the number of users looked at.
    """
    report = Report()
    for user_ids in _chunks(scope, sample):
        _look(user_ids, report)
        if on_chunk is not None:
            on_chunk(report.checked)
    return report


def _chunks(scope: Scope, sample: int) -> Iterable[Sequence[UUID]]:
    if sample:
        chosen = scope.sample(sample)
        for start in range(0, len(chosen), CHUNK):
            yield chosen[start : start + CHUNK]
        return
    for chunk in scope.every(chunk=CHUNK):
        yield [user_id for _cursor, user_id in chunk]


def _look(user_ids: Sequence[UUID], report: Report) -> None:
    for start in range(0, len(user_ids), CHUNK):
        found = findings.examine(user_ids[start : start + CHUNK], READ_MODELS)
        report.checked += len(found)
        report.drifted += [each for each in found if each.differences]
        report.failed += [each for each in found if each.error is not None]
        _note(found)


def _note(found: Sequence[Finding]) -> None:
    checked = [
        (name, each.user_id) for each in found if each.error is None for name in NAMES
    ]
    wrong = {
        (name, each.user_id): fields
        for each in found
        for name in NAMES
        if (fields := [d.field for d in each.differences if d.projection == name])
    }
    if checked:
        drift.note(wrong, checked=checked)
