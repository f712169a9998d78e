"""What rows of users say beside what the log leads to, and how to make them say it.

A row is right when it is the fold of what its projection has come to: one that is only
behind is no finding.  Nothing here causes an effect: only folds of projections run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from psycopg.types.range import Range

from eventstore import checkpoints, faults, store
from eventstore.errors import UnreadableEventError
from eventstore.events import RecordedEvent
from eventstore.repository import refuse_unreadable
from eventstore.wording import worded
from projections import drift, queries
from projections.directory import by_user
from projections.read_models import ReadModel
from users.aggregate import USER
from users.events import UserErased

TRIES = 5  # looks without a lock, while workers move the rows under us

EMPTY: Range[Any] = Range(empty=True)

# What would become of a user's rows.
NOTHING = "nothing"
CREATE = "create"
CHANGE = "change"
DELETE = "delete"
ACTIONS = (CHANGE, CREATE, DELETE, NOTHING)

Models = Sequence[ReadModel]


class NotDerivableError(Exception):
    """What writes the row of a user raised; who mends it must mend the code."""

    def __init__(self, error: str) -> None:
        super().__init__(
            worded(
                "The rows of this user cannot be derived from the log: {error}. Nothing"
                " was written. Mend the projection's code, and reprocess then.",
                error=error,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field in which a row and the log disagree.

    Attributes:
        projection: Whose row.
        field: Its name; of one of several rows, with the row's place before it.
        now: The row's value; None when there is no row.
        after: The value the log leads to; None when it leads to no row.
        set_by: The event that gave the value, when one event did.
    """

    projection: str
    field: str
    now: Any
    after: Any
    set_by: RecordedEvent | None

    @property
    def name(self) -> str:
        """The field with its projection before it."""
        return f"{self.projection}.{self.field}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is to be said of one user.

    Attributes:
        events: Number of events in the log.
        position: Position of the last event that was folded; 0 when there is none.
        action: ``nothing``, ``create``, ``change`` or ``delete``.
        derived: The rows of each read model that the log leads to.
        error: Why they could not be derived; then there are no differences.
        is_known: Whether the log or a read model knows the user.
    """

    user_id: UUID
    events: int
    position: int
    action: str
    differences: Sequence[Difference]
    derived: Mapping[str, Sequence[Any]]
    error: Exception | None = None
    is_known: bool = True

    @property
    def stream(self) -> str:
        """The user's stream."""
        return USER.stream(self.user_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Rows by read model and user, and how far each projection had come meanwhile."""

    rows: Mapping[tuple[str, UUID], Sequence[Any]]
    reached: Mapping[tuple[str, str], int]


def examine(user_ids: Sequence[UUID], models: Models) -> list[Finding]:
    """Return what is to be said of these users, in their order.  Writes nothing.

    Five queries and one a read model, whatever the number of users; more where workers
    move the rows meanwhile, which are then looked at again.
    """
    found: dict[UUID, Finding] = {}
    for _try in range(TRIES):
        left = [user_id for user_id in user_ids if user_id not in found]
        if not left:
            break
        found |= _examined(left, models)
    left = [user_id for user_id in user_ids if user_id not in found]
    if left:
        with transaction.atomic():
            # All, in one order: who confirms or repairs some of them afterwards holds
            # them already, and is deadlocked with nobody.
            _hold(user_ids, models)
            found |= _examined(left, models)
    return [found[user_id] for user_id in user_ids]


def confirm(user_ids: Sequence[UUID], models: Models) -> list[Finding]:
    """Examine these users where nobody can repair or move them meanwhile.

    Must run in a transaction, which from here on is alone in the users' buckets: live
    traffic waits for it, and it for a batch that is under way.
    """
    _hold(user_ids, models)
    return examine(user_ids, models)


def repair(user_ids: Sequence[UUID], models: Models) -> list[Finding]:
    """Make the rows of these users what the log leads to; return what was wrong.

    Must run in a transaction, as :func:`confirm` must.  Writes the very rows that were
    compared.  A user whose rows cannot be written keeps the old ones, all of them, and
    the error.
    """
    found = confirm(user_ids, models)
    wrong = [each for each in found if each.differences]
    failed: dict[UUID, Exception] = {}
    try:
        _write(wrong, models)
    # Whatever a row runs into: the others are repaired all the same.
    except Exception as error:
        if not faults.is_of_the_event(error):
            raise
        failed = _write_singly(wrong, models)
    done = [each for each in wrong if each.user_id not in failed]
    drift.end(_places(done), how=drift.REPROCESSED)
    return [_with_error(each, failed.get(each.user_id)) for each in found]


def _hold(user_ids: Sequence[UUID], models: Models) -> None:
    streams = [USER.stream(user_id) for user_id in user_ids]
    checkpoints.hold_all([model.name for model in models], streams)


def _examined(user_ids: Sequence[UUID], models: Models) -> dict[UUID, Finding]:
    seen = _seen(user_ids, models)
    still = [
        user_id
        for user_id in user_ids
        if all((m.name, USER.stream(user_id)) in seen.reached for m in models)
    ]
    read = store.read_streams({USER.stream(user_id): 1 for user_id in still})
    events = by_user(read)
    return {
        user_id: _finding(user_id, events.get(user_id, []), models, seen)
        for user_id in still
    }


def _seen(user_ids: Sequence[UUID], models: Models) -> _Seen:
    names = [model.name for model in models]
    streams = [USER.stream(user_id) for user_id in user_ids]
    before = checkpoints.reached_by(names, streams)
    rows: dict[tuple[str, UUID], list[Any]] = {}
    for model in models:
        for row in model.rows(user_ids):
            rows.setdefault((model.name, row.user_id), []).append(row)
    after = checkpoints.reached_by(names, streams)
    # Rows move only with what says how far they are, so these did not.
    still = {place: at for place, at in before.items() if after[place] == at}
    return _Seen(rows=rows, reached=still)


def _finding(
    user_id: UUID, events: Sequence[RecordedEvent], models: Models, seen: _Seen
) -> Finding:
    stream = USER.stream(user_id)
    differences: list[Difference] = []
    derived: dict[str, Sequence[Any]] = {}
    position, now, after, is_known = 0, False, False, bool(events)
    error: Exception | None = None
    try:
        refuse_unreadable(events)
        for model in models:
            rows = seen.rows.get((model.name, user_id), [])
            reached = seen.reached[model.name, stream]
            known = _known(events, rows, reached)
            made = [] if _is_erased(events) else model.derive(known)
            derived[model.name] = made
            is_known = is_known or bool(rows)
            position = max([position, *(event.position for event in known[-1:])])
            if _is_to_be_erased(events, reached):
                continue
            if wrong := _between(model, rows, made, known):
                differences += wrong
                now, after = now or bool(rows), after or bool(made)
    # Whatever a projection raises: it is this user's trouble alone.
    except Exception as raised:
        if not isinstance(raised, UnreadableEventError) and not faults.is_of_the_event(
            raised
        ):
            raise
        error, differences = raised, []
    return Finding(
        user_id=user_id,
        events=len(events),
        position=position,
        action=_action(differences, now=now, after=after),
        differences=differences,
        derived=derived,
        error=error,
        is_known=is_known,
    )


def _known(
    events: Sequence[RecordedEvent], rows: Sequence[Any], reached: int
) -> list[RecordedEvent]:
    """Return the events that the rows are the fold of."""
    until = max([reached, *(row.position for row in rows)])
    return [event for event in events if event.position <= until]


def _is_erased(events: Iterable[RecordedEvent]) -> bool:
    return any(e.is_erased or isinstance(e.payload, UserErased) for e in events)


def _is_to_be_erased(events: Sequence[RecordedEvent], reached: int) -> bool:
    """Say whether the projection has yet to come to the event that erased the user."""
    erasures = [e.position for e in events if isinstance(e.payload, UserErased)]
    return bool(erasures) and reached < erasures[-1]


def _between(
    model: ReadModel,
    rows: Sequence[Any],
    made: Sequence[Any],
    events: Sequence[RecordedEvent],
) -> list[Difference]:
    now, after = _by_place(model, rows), _by_place(model, made)
    set_by = queries.set_by(queries.told(events))
    at = {event.position: event for event in events}
    found = []
    for place in sorted(now.keys() | after.keys()):
        row, derived = now.get(place), after.get(place)
        for field in model.fields:
            old, new = _value(row, field), _value(derived, field)
            if (row is None, old) != (derived is None, new):
                by = at.get(derived.position) if place and derived else None
                found.append(
                    Difference(
                        projection=model.name,
                        field=f"{place} {field}".strip(),
                        now=old,
                        after=new,
                        set_by=by or set_by.get(field),
                    )
                )
    return found


def _by_place(model: ReadModel, rows: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        place, count = model.place(row), 1
        while (name := place if count == 1 else f"{place} ({count})") in found:
            count += 1
        found[name] = row
    return found


def _value(row: Any, field: str) -> Any:
    value = None if row is None else getattr(row, field)
    if isinstance(value, Range) and value.lower is not None:
        # Events of one append share an instant: PostgreSQL keeps no bounds of nothing.
        return EMPTY if value.lower == value.upper else value
    return value


def _action(differences: Sequence[Difference], *, now: bool, after: bool) -> str:
    """Say what becomes of the rows that differ: whether there are any now, and then."""
    if not differences:
        return NOTHING
    if not now:
        return CREATE
    return CHANGE if after else DELETE


def _write(wrong: Sequence[Finding], models: Models) -> None:
    with transaction.atomic():
        for model in models:
            rows = {
                each.user_id: each.derived[model.name]
                for each in wrong
                if any(d.projection == model.name for d in each.differences)
            }
            if rows:
                model.replace(rows)


def _write_singly(wrong: Sequence[Finding], models: Models) -> dict[UUID, Exception]:
    failed: dict[UUID, Exception] = {}
    for each in wrong:
        try:
            _write([each], models)
        except Exception as error:
            if not faults.is_of_the_event(error):
                raise
            failed[each.user_id] = error
    return failed


def _places(findings: Iterable[Finding]) -> list[tuple[str, UUID]]:
    return [
        (name, each.user_id)
        for each in findings
        for name in sorted({d.projection for d in each.differences})
    ]


def _with_error(finding: Finding, error: Exception | None) -> Finding:
    if error is None:
        return finding
    return replace(finding, action=NOTHING, differences=[], error=error)


def how_it_moved(finding: Finding, position: int) -> str:
    """Return how what was found is another thing than when *position* was the end."""
    if finding.position > position:
        return worded(
            "{stream} has events after #{position:,}.",
            stream=finding.stream,
            position=position,
        )
    if not finding.differences:
        return worded("{stream} no longer differs.", stream=finding.stream)
    fields = ", ".join(difference.name for difference in finding.differences)
    return worded(
        "{stream} differs otherwise than was shown: {fields}.",
        stream=finding.stream,
        fields=fields,
    )
