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

    A chunk a transaction, and one detector at a time: while another looks, nothing is
    looked at.
    """
    report = Report()
    while (left := users - report.checked) > 0:
        if not _look_at_next(min(left, CHUNK), report):
            break
    return report


def _look_at_next(limit: int, report: Report) -> bool:
    """Look at the next few of the round; return whether there may be more."""
    with transaction.atomic():
        at = DriftCheck.objects.select_for_update(skip_locked=True).first()
        if at is None:
            return False
        chunk = scopes.everybody().after(at.cursor, limit=limit)
        _look([user_id for _cursor, user_id in chunk], report)
        at.cursor = chunk[-1][0] if chunk else ""
        if report.checked:  # the end of a round alone says nothing
            at.checked, at.failed = report.checked, len(report.failed)
        at.checked_at = timezone.now()
        if not chunk:
            at.round_ended_at = at.checked_at
        at.save()
    return len(chunk) == limit


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
    seen = {each.user_id: each for each in findings.examine(user_ids, READ_MODELS)}
    wrong = [user_id for user_id, each in seen.items() if each.differences]
    with transaction.atomic():
        if wrong:  # else what is repaired at this moment would be noted for good
            confirmed = findings.confirm(wrong, READ_MODELS)
            seen |= {each.user_id: each for each in confirmed}
        _note(list(seen.values()))
    report.checked += len(seen)
    report.drifted += [each for each in seen.values() if each.differences]
    report.failed += [each for each in seen.values() if each.error is not None]


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
