"""Users whose rows are wrong, and what tests ask about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from eventstore import store, subscriptions
from eventstore.circumstances import acting
from projections import directory, history, reprocess, runs, scopes
from projections.events import ReprocessAdvanced, ReprocessChanged, ReprocessFinished
from projections.models import DirectoryEntry, ReprocessRun, UserPeriod
from projections.scopes import Scope
from tests.factories import known_user
from users.aggregate import USER

# What a preview may write to: nothing; a check for drift may.
JOB_TABLES = {
    "projections_reprocessrun",
    "projections_drift",
    "projections_driftcheck",
}


def users(count: int) -> list[UUID]:
    """Make so many users known and their rows right; in order of id."""
    made = sorted(known_user(name=f"Person {n}") for n in range(count))
    catch_up()
    return made


def catch_up() -> None:
    for name in ("directory", "history"):
        assert subscriptions.catch_up(subscriptions.find(name))


def break_row(user_id: UUID, **values: Any) -> None:
    """Say something of a user that no event explains."""
    changed = DirectoryEntry.objects.filter(user_id=user_id)
    assert changed.update(**values or {"name": "Broken"}) == 1


def break_period(user_id: UUID, **values: Any) -> None:
    changed = UserPeriod.objects.filter(user_id=user_id)
    assert changed.update(**values or {"name": "Broken"}) > 0


def as_operator() -> Any:
    return acting(actor="staff:root", source="admin", correlation_id=uuid4())


def started(scope: Scope, reason: str = "OPS-412") -> ReprocessRun:
    """Preview a scope and begin at once."""
    with as_operator():
        return runs.start(reprocess.preview_many(scope).token, reason=reason)


def ran(scope: Scope) -> ReprocessRun:
    """Preview a scope, begin, and go on to the end."""
    run = started(scope)
    assert runs.go_on(run.run_id)
    run.refresh_from_db()
    return run


def is_fold(user_id: UUID) -> bool:
    """Say whether all rows of a user are the fold of the whole log."""
    events = store.read_stream(USER.stream(user_id))
    row = DirectoryEntry.objects.filter(user_id=user_id).first()
    told = [_values(each, directory.FIELDS) for each in [row] if each is not None]
    derived = directory.fold(events)
    due = [_values(each, directory.FIELDS) for each in [derived] if each is not None]
    fields = (*directory.FIELDS, "recorded", "valid")
    periods = UserPeriod.objects.filter(user_id=user_id)
    kept = sorted(str(_values(each, fields)) for each in periods)
    made = sorted(str(_values(each, fields)) for each in history.periods(events))
    return told == due and kept == made


def checksums() -> dict[str, Any]:
    """Return a digest of each table's content, and of the log's sequence."""
    with connection.cursor() as cursor:
        names = sorted(set(connection.introspection.table_names(cursor)))
        found = {}
        for name in names:
            cursor.execute(
                f"SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY"
                f' md5(t::text))) FROM "{name}" AS t'
            )
            found[name] = cursor.fetchone()
        cursor.execute("SELECT last_value FROM events_position_seq")
        found["sequence"] = cursor.fetchone()
        return found


def everybody() -> Scope:
    return scopes.everybody()


def _values(row: Any, fields: Any) -> list[Any]:
    return [getattr(row, field) for field in fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the events of a run come to; equal to its row, always.

    Attributes:
        version: Number of events.
        repaired: Streams of the users it repaired, each with the fields that differed.
        failed: Streams of the users it could not repair.
    """

    version: int
    state: str
    cursor: str
    checked: int
    repaired: Mapping[str, Sequence[str]]
    created: int
    deleted: int
    failed: Sequence[str]
    later: int


def told_of(run_id: UUID) -> Told:
    """Return what the events of a run come to.  O(its events)."""
    state, cursor = ReprocessRun.State.RUNNING.value, ""
    counts = {"checked": 0, "created": 0, "deleted": 0, "later": 0}
    repaired: dict[str, Sequence[str]] = {}
    failed: list[str] = []
    events = store.read_stream(f"{runs.CATEGORY}-{run_id}")
    for event in events:
        match event.payload:
            case ReprocessAdvanced() as moved:
                cursor = moved.cursor
                repaired |= {each.subject: each.fields for each in moved.repaired}
                failed += moved.failed
                counts = {name: n + getattr(moved, name) for name, n in counts.items()}
            case ReprocessChanged() as changed:
                state = {runs.RESUMED: ReprocessRun.State.RUNNING.value}.get(
                    changed.change, changed.change
                )
            case ReprocessFinished():
                state = ReprocessRun.State.FINISHED.value
            case _:
                pass  # the beginning
    return Told(
        version=len(events),
        state=state,
        cursor=cursor,
        repaired=repaired,
        failed=failed,
        **counts,
    )
