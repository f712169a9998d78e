"""A copy of a read model beside the live one: which rows differ, and in which fields.

Both are read in one snapshot.  What is kept names keys and fields, never values: they
may tell of a person who is erased tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone

from eventstore import checkpoints, copies, sql
from eventstore.models import Rebuild
from eventstore.read_models import Table
from eventstore.subscriptions import Projection

SAMPLE = 20  # keys of each kind that are named
MOVED = "moved"  # kind of what one side has seen and the other has not


def compare(projection: Projection, found: Rebuild) -> None:
    """Compare the copy of *found* with the live tables and keep what came out."""
    schema = copies.SCHEMAS[found.state]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        settled = _settled(projection.name, schema)
        tables = [_compared(table, schema, settled) for table in projection.tables]
    kept = {
        "position": settled,
        "compared_at": timezone.now().isoformat(),
        "tables": tables,
    }
    mine = Rebuild.objects.filter(pk=found.pk, state=found.state)
    mine.update(comparison=kept, is_comparison_due=False)


def _settled(name: str, schema: str) -> int:
    """Return the position that both sides have come to in every bucket."""
    points = [
        *checkpoints.positions(name).values(),
        *checkpoints.positions(copies.name_of(name, schema)).values(),
    ]
    return min(points, default=0)


def _compared(table: Table, schema: str, settled: int) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "table": table.name,
        "schema": schema,
        "key": list(table.key),
        "columns": table.columns,
        "settled": settled,
        "most": SAMPLE,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.load("compare_copy"), parameters)
        rows = cursor.fetchall()
    counts = {kind: count for kind, count, _sample in rows}
    return {
        "table": table.name,
        **{kind: counts.get(kind, 0) for kind in ("created", "changed", "deleted")},
        MOVED: counts.get(MOVED, 0),
        "sample": [
            {"key": key, "kind": kind, "fields": _fields(table, schema, key)}
            for kind, _count, sample in rows
            if kind != MOVED
            for key in orjson.loads(sample)
        ],
    }


def _fields(table: Table, schema: str, key: Mapping[str, Any]) -> list[str]:
    """Return the names of the columns in which the rows of *key* differ."""
    live = _rows(table, key)
    with copies.looking_into(schema):
        built = _rows(table, key)
    if not live or not built:
        return []
    return [
        column
        for column in table.columns
        if sorted(str(row[column]) for row in live)
        != sorted(str(row[column]) for row in built)
    ]


def _rows(table: Table, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = table.model._default_manager.filter(**key)  # noqa: SLF001 - as Django names it
    return list(rows.values(*table.columns))
