"""Whole events as the table has them, and the leaf each of them should have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from eventstore import hashing, sql
from eventstore.hashing import canonical, instant, plain_hash, salted_hash

BATCH_SIZE = 2_000  # events a query


class Row(NamedTuple):
    """One event with every column of the table, salt and leaf included."""

    position: int
    stream: str
    version: int
    event_id: UUID
    type: str
    schema_version: int
    data: Any
    actor: str
    source: str
    correlation_id: UUID
    causation_id: UUID | None
    metadata: Any
    recorded_at: datetime
    occurred_at: datetime
    salt: bytes
    leaf: bytes


def scan(*, first: int, until: int) -> Iterator[list[Row]]:
    """Yield the events of a range of positions in batches, ascending.

    One query a batch, by keyset: constant memory, and no transaction stays open.

    Args:
        first: Position, inclusive.
        until: Position, inclusive: at most a watermark.
    """
    after = first - 1
    while True:
        parameters = {"after": after, "until": until, "size": BATCH_SIZE}
        with connection.cursor() as cursor:
            cursor.execute(sql.load("scan_events"), parameters)
            rows = [_row(found) for found in cursor.fetchall()]
        if rows:
            yield rows
        if len(rows) < BATCH_SIZE:
            return
        after = rows[-1].position


def expected_leaf(row: Row) -> bytes:
    """Return the leaf that *row* must have, recomputed from its other columns.

    Raises:
        PayloadError: Data, metadata or the header lie outside the JSON profile.

    Source: ADR-0010; docs/reference/leaf.md.
    """
    return leaf_of(row, canonical(row.data), canonical(row.metadata))


def leaf_of(row: Row, data: bytes, metadata: bytes) -> bytes:
    """Return the leaf of *row*, whose payload and metadata are canonical already.

    Raises:
        PayloadError: The header lies outside the JSON profile.
    """
    occurred_at, recorded_at = instants(row)
    header = {
        "actor": row.actor,
        "causation": row.causation_id,
        "correlation": row.correlation_id,
        "data": salted_hash(row.salt, data).hex(),
        "id": row.event_id,
        "meta": plain_hash(metadata).hex(),
        "occurred_at": occurred_at,
        "recorded_at": recorded_at,
        "schema": row.schema_version,
        "source": row.source,
        "stream": row.stream,
        "type": row.type,
        "v": 1,
        "version": row.version,
    }
    return hashing.leaf(header)


def instants(row: Row) -> tuple[str, str]:
    """Return ``occurred_at`` and ``recorded_at`` of *row* as its header has them."""
    recorded_at = instant(row.recorded_at)
    is_same = row.occurred_at == row.recorded_at
    return recorded_at if is_same else instant(row.occurred_at), recorded_at


def _row(found: tuple[Any, ...]) -> Row:
    row = Row(*found)
    return row._replace(
        data=orjson.loads(row.data),
        metadata=orjson.loads(row.metadata),
        salt=bytes(row.salt),
        leaf=bytes(row.leaf),
    )
