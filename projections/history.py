"""How events become periods of validity: who was what, at any instant (ADR-0029).

An event that became true after all others of its user ends the open period and begins
the next.  One that is dated back, or comes after such a one, has the user's periods
derived anew from the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q

from eventstore import store
from eventstore.events import RecordedEvent
from eventstore.read_models import Table
from eventstore.repository import in_order_of_truth, refuse_unreadable
from eventstore.subscriptions import Projection
from projections.directory import by_user
from projections.models import UserPeriod
from users.aggregate import USER, User, user_id_of
from users.events import UserCreated, UserErased, UserEvent
from users.values import Status

PERIODS = Table(model=UserPeriod, key=("user_id",))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A state, the number of events that lead to it, the last of them, and how long."""

    state: User
    version: int
    last: RecordedEvent
    time: DateTimeTZRange


def periods(events: Sequence[RecordedEvent]) -> list[UserPeriod]:
    """Return the periods that the events of one user lead to, unsaved.

    A person who was erased has none.

    Args:
        events: In order of version, from the first.
    """
    created = next((e for e in events if isinstance(e.payload, UserCreated)), None)
    if created is None or any(map(_is_erased, events)):
        return []
    in_truth = sorted(events, key=in_order_of_truth)
    recorded = _pieces(events, _never_back(e.recorded_at for e in events))
    true = {
        piece.last.position: piece
        for piece in _pieces(in_truth, [e.occurred_at for e in in_truth])
    }
    rows = []
    for piece in recorded:
        row = _row(piece, created)
        row.recorded = piece.time
        other = true.get(piece.last.position)
        if other and (other.state, other.version) == (piece.state, piece.version):
            row.valid = true.pop(piece.last.position).time
        rows.append(row)
    for piece in true.values():
        row = _row(piece, created)
        row.valid = piece.time
        rows.append(row)
    return rows


def apply(events: Sequence[RecordedEvent]) -> None:
    """Write a batch: read the open periods, fold in memory, write all at once.

    Three statements, and one for all users whose events are not in order of truth.
    """
    touched = by_user(events)
    opened = _open(touched)
    made: list[UserPeriod] = []
    ended: list[int] = []
    emptied: list[UUID] = []
    anew: dict[UUID, int] = {}
    for user_id, its_events in touched.items():
        found = opened.get(user_id, [])
        seen = max((p.version for p in found if _is_open(p.recorded)), default=0)
        fresh = [event for event in its_events if event.version > seen]
        if any(map(_is_erased, fresh)):
            emptied.append(user_id)
        elif not found and fresh[0].version == 1:
            made += periods(fresh)
        elif fresh and _goes_on(found, fresh):
            ended.append(found[0].pk)
            made += _gone_on(found[0], fresh)
        elif fresh:
            emptied.append(user_id)
            anew[user_id] = fresh[-1].version
    made += _derived(anew)
    _write(made, ended, emptied)


def forget(stream: str) -> None:
    """Delete the periods of a user who is erased, if *stream* is a user's."""
    if stream.startswith(f"{USER.category}-"):
        UserPeriod.objects.filter(user_id=user_id_of(stream)).delete()


def _open(user_ids: Iterable[UUID]) -> dict[UUID, list[UserPeriod]]:
    without_end = Q(recorded__upper_inf=True) | Q(valid__upper_inf=True)
    found: dict[UUID, list[UserPeriod]] = {}
    for period in UserPeriod.objects.filter(without_end, user_id__in=list(user_ids)):
        found.setdefault(period.user_id, []).append(period)
    return found


def _goes_on(found: Sequence[UserPeriod], fresh: Sequence[RecordedEvent]) -> bool:
    if len(found) != 1:
        return False
    (period,) = found
    follows = fresh[0].version == period.version + 1
    times = [period.valid.lower, *(event.occurred_at for event in fresh)]
    return follows and times == sorted(times)


def _gone_on(period: UserPeriod, fresh: Iterable[RecordedEvent]) -> list[UserPeriod]:
    """Return *period* with its end, and what follows it."""
    rows = [period]
    for event in fresh:
        state = User(name=period.name, email=period.email, status=Status(period.status))
        after = USER.evolve(state, event.payload) or state
        told = max(event.recorded_at, period.recorded.lower)
        following = UserPeriod(
            user_id=period.user_id,
            name=after.name,
            email=after.email,
            status=after.status.value,
            source=period.source,
            created_at=period.created_at,
            updated_at=event.recorded_at,
            version=event.version,
            position=event.position,
            recorded=DateTimeTZRange(told, None),
            valid=DateTimeTZRange(event.occurred_at, None),
        )
        period.recorded = DateTimeTZRange(period.recorded.lower, told)
        period.valid = DateTimeTZRange(period.valid.lower, event.occurred_at)
        rows.append(following)
        period = following
    return rows


def _derived(anew: Mapping[UUID, int]) -> list[UserPeriod]:
    if not anew:
        return []
    read = store.read_streams({USER.stream(user_id): 1 for user_id in anew})
    refuse_unreadable(read)
    return [
        period
        for user_id, its_events in by_user(read).items()
        for period in periods([e for e in its_events if e.version <= anew[user_id]])
    ]


def _write(
    made: Sequence[UserPeriod], ended: Sequence[int], emptied: Sequence[UUID]
) -> None:
    if ended or emptied:
        UserPeriod.objects.filter(Q(pk__in=ended) | Q(user_id__in=emptied)).delete()
    if made:
        PERIODS.insert(made)


def _pieces(events: Sequence[RecordedEvent], times: Sequence[datetime]) -> list[_Piece]:
    pieces = []
    state: User | None = None
    ends = [*times[1:], None]
    for count, (event, begin, end) in enumerate(
        zip(events, times, ends, strict=True), 1
    ):
        state = USER.fold([event.payload], state)
        if state is not None:
            time = DateTimeTZRange(begin, end)
            pieces.append(_Piece(state=state, version=count, last=event, time=time))
    return pieces


def _never_back(times: Iterable[datetime]) -> list[datetime]:
    """Return *times*, none before the one before it, whatever the clock did."""
    steady: list[datetime] = []
    for time in times:
        steady.append(max(time, steady[-1]) if steady else time)
    return steady


def _row(piece: _Piece, created: RecordedEvent) -> UserPeriod:
    return UserPeriod(
        user_id=user_id_of(created.stream),
        name=piece.state.name,
        email=piece.state.email,
        status=piece.state.status.value,
        source=created.source,
        created_at=created.recorded_at,
        updated_at=piece.last.recorded_at,
        version=piece.version,
        position=piece.last.position,
    )


def _is_open(time: DateTimeTZRange | None) -> bool:
    return time is not None and time.upper_inf


def _is_erased(event: RecordedEvent) -> bool:
    return event.is_erased or isinstance(event.payload, UserErased)


HISTORY = Projection(
    name="history",
    apply=apply,
    forget=forget,
    tables=(PERIODS,),
    code=(USER.evolve, by_user),
    handles=UserEvent,
)
