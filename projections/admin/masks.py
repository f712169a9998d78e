"""What pages about one user show to staff who may not see people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from eventstore.events import ERASED
from eventstore.masking import MASK, masked_event
from projections.admin.comparison import Compared, Comparison
from projections.admin.explaining import Earlier, Explained, Explanation
from projections.admin.moments import FieldThen, Moment
from projections.admin.telling import Run
from projections.findings import Difference
from projections.models import UserRow
from projections.queries import Change, Chapter
from projections.reprocess import Single
from users.aggregate import User

PERSONAL = frozenset({"name", "email"})

Row = TypeVar("Row", bound=UserRow)


def value(name: str, known: Any) -> Any:
    """Return a field's value, or the mask; that there is none is not masked."""
    return known if name not in PERSONAL or known is None else _masked(known)


def state(known: User | None) -> User | None:
    """Return a state without what tells of the person."""
    if known is None:
        return None
    return replace(known, name=_masked(known.name), email=_masked(known.email))


def row(entry: Row) -> Row:
    """Mask a row that is not saved again, and return it."""
    entry.name, entry.email = _masked(entry.name), _masked(entry.email)
    return entry


def chapters(told: Iterable[Chapter]) -> list[Chapter]:
    """Return a history in which one sees that and when, but not of whom."""
    return [
        Chapter(
            event=masked_event(each.event),
            changes=[_change(change) for change in each.changes],
            after=state(each.after),
        )
        for each in told
    ]


def runs(told: Iterable[Run]) -> list[Run]:
    """Return the same of a history in runs."""
    return [replace(each, chapters=chapters(each.chapters)) for each in told]


def moment(known: Moment) -> Moment:
    """Return a moment without the person."""
    return replace(
        known,
        last=known.last and masked_event(known.last),
        following=known.following and masked_event(known.following),
        fields=[_then(each) for each in known.fields],
    )


def explanation(known: Explanation) -> Explanation:
    """Return an explanation that tells who set what when, and not of whom."""
    return replace(
        known,
        fields=[_explained(each) for each in known.fields],
        derived=[
            replace(each, set_by=each.set_by and masked_event(each.set_by))
            for each in known.derived
        ],
    )


def comparison(known: Comparison) -> Comparison:
    """Return a comparison that still says which fields differ."""
    return replace(known, fields=[_compared(each) for each in known.fields])


def preview(known: Single) -> Single:
    """Return a preview that still says which fields would change."""
    return replace(known, differences=[difference(each) for each in known.differences])


def difference(known: Difference) -> Difference:
    """Return a difference that still says which field it is about."""
    field = known.field.rpartition(" ")[2]  # a row's place may stand before it
    return replace(
        known,
        now=value(field, known.now),
        after=value(field, known.after),
        set_by=known.set_by and masked_event(known.set_by),
    )


def _masked(known: str) -> str:
    return known if known == ERASED else MASK


def _change(known: Change) -> Change:
    return Change(
        field=known.field,
        old=value(known.field, known.old),
        new=value(known.field, known.new),
    )


def _then(known: FieldThen) -> FieldThen:
    return replace(
        known,
        then=value(known.name, known.then),
        now=value(known.name, known.now),
        set_by=known.set_by and masked_event(known.set_by),
    )


def _explained(known: Explained) -> Explained:
    return replace(
        known,
        value=value(known.name, known.value),
        set_by=known.set_by and masked_event(known.set_by),
        replaced=value(known.name, known.replaced),
        earlier=[
            Earlier(
                value=value(known.name, each.value), set_by=masked_event(each.set_by)
            )
            for each in known.earlier
        ],
    )


def _compared(known: Compared) -> Compared:
    return replace(
        known, row=value(known.name, known.row), log=value(known.name, known.log)
    )
