"""Tables of a read model beside the live ones: made, filled, switched to, dropped.

Each kind lies in a schema of its own under the tables' own names, so the same code
writes them, found by another ``search_path``.  The functions of the database make
nothing else (ADR-0033).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from eventstore import checkpoints, sql
from eventstore.errors import NoCopyError
from eventstore.models import Checkpoint, DeadLetter, Rebuild

NEXT = "rebuild_next"  # schema of what is being built
KEPT = "rebuild_kept"  # schema of what was switched away from
MARK = "~"  # between a subscription's name and the schema of its copy

State = Rebuild.State
ACTIVE = (State.FILLING, State.INDEXING, State.READY)
SWITCHED = (State.SWITCHED, State.SWITCHED_BACK)
SCHEMAS: Mapping[str, str] = {
    **dict.fromkeys(map(str, ACTIVE), NEXT),
    **dict.fromkeys(map(str, SWITCHED), KEPT),
}


def name_of(subscription: str, schema: str) -> str:
    """Return the name under which a copy has its checkpoints and dead letters."""
    return f"{subscription}{MARK}{schema}"


@contextmanager
def within(subscription: str, schema: str) -> Iterator[None]:
    """Have tables found in *schema* first, until the block ends; in a transaction.

    Raises:
        NoCopyError: There is no such copy; the live tables are never taken for it.
    """
    states = [state for state, place in SCHEMAS.items() if place == schema]
    with transaction.atomic():
        with connection.cursor() as cursor:
            parameters: dict[str, Any] = {
                "subscription": subscription,
                "states": states,
            }
            cursor.execute(sql.load("hold_copy"), parameters)
            if cursor.fetchone() is None:
                raise NoCopyError(subscription)
        with looking_into(schema):
            yield


def has(schema: str, tables: Sequence[str]) -> bool:
    """Say whether *schema* has all of these tables.  One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_tables"
            " WHERE schemaname = %s AND tablename = ANY(%s)",
            [schema, list(tables)],
        )
        return bool(cursor.fetchone()[0] == len(tables))


@contextmanager
def looking_into(schema: str) -> Iterator[None]:
    """Have tables found in *schema* first; for those who know that they are there.

    Must run in a transaction; an error leaves it to the rollback to undo this.
    """
    before = _set_path(schema)
    yield
    _set_path("", before)


def hold() -> list[tuple[str, str]]:
    """Return subscription and schema of each copy, and keep all from being switched.

    Must run in a transaction.  Waits for a step of filling, never for an index: while
    those are made the tables are left out, and the step after it makes up for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.load("hold_copies"), {"states": list(SCHEMAS)})
        return [
            (name, SCHEMAS[state])
            for name, state in cursor.fetchall()
            if state != State.INDEXING
        ]


def begin(tables: Sequence[str]) -> None:
    """Make empty *tables* in ``rebuild_next``, without the costlier indexes."""
    _call("SELECT rebuild_begin_v1(%s)", [list(tables)])


def make_index(tables: Sequence[str]) -> bool | None:
    """Make one of the indexes still missing; False when there was none.

    None when somebody else is at it.
    """
    query = sql.load("make_index")
    made: bool | None = _call(query, {"tables": list(tables), "lock": ",".join(tables)})
    return made


def drop(subscription: str, tables: Sequence[str], schema: str) -> None:
    """Drop the copies in *schema*, and what is known of how far they have come."""
    _call("SELECT rebuild_drop_v1(%s, %s)", [list(tables), schema])
    name = name_of(subscription, schema)
    Checkpoint.objects.filter(subscription=name).delete()
    DeadLetter.objects.filter(subscription=name).delete()


def switch(subscription: str, tables: Sequence[str], schema: str) -> None:
    """Put the copies in *schema* in the place of the live tables, and those into KEPT.

    Must run in a transaction that holds the checkpoints of both.  Checkpoints and dead
    letters go with the tables; what was kept before is dropped.
    """
    if schema == NEXT:
        drop(subscription, tables, KEPT)
    _call("SELECT rebuild_switch_v1(%s, %s)", [list(tables), schema])
    incoming, kept = name_of(subscription, schema), name_of(subscription, KEPT)
    _exchange_checkpoints(subscription, incoming, kept)
    letters = DeadLetter.objects
    between = f"{subscription}{MARK}"
    letters.filter(subscription=subscription).update(subscription=between)
    letters.filter(subscription=incoming).update(subscription=subscription)
    letters.filter(subscription=between).update(subscription=kept)


def _exchange_checkpoints(subscription: str, incoming: str, kept: str) -> None:
    # Rows stay, positions move: whoever waits for a bucket's row gets the right one.
    live = checkpoints.positions(subscription)
    coming = checkpoints.positions(incoming)
    Checkpoint.objects.filter(subscription=incoming).update(subscription=kept)
    for name, points in ((subscription, coming), (kept, live)):
        for bucket, position in points.items():
            Checkpoint.objects.filter(subscription=name, bucket=bucket).update(
                position=position, error="", failed_at=None
            )


def hold_points(*names: str) -> None:
    """Wait until no worker holds a bucket of *names*, and hold them all."""
    rows = Checkpoint.objects.filter(subscription__in=names).order_by(
        F("subscription"), F("bucket")
    )
    list(rows.select_for_update().values_list("pk"))


def _set_path(schema: str, path: str = "") -> str:
    parameters = {"schema": schema, "path": path}
    return str(_call(sql.load("set_search_path"), parameters))


def _call(query: Any, parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]
