"""Steps of a rebuild, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from eventstore import (
    copies,
    rebuilding,
    rebuilds,
    standings,
    store,
)
from eventstore.circumstances import acting
from eventstore.models import Rebuild
from projections.models import DirectoryEntry, UserPeriod
from tests.factories import metadata
from users import services
from users.commands import ChangeName, EraseUser
from users.values import ErasureGround

GROUND = ErasureGround.REQUEST
MODELS: dict[str, Any] = {"directory": DirectoryEntry, "history": UserPeriod}


@pytest.fixture
def operator() -> Iterator[None]:
    with acting(actor="staff:grace", source="admin", correlation_id=uuid4()):
        yield


def done(name: str = "directory") -> None:
    while not rebuilding.work(name):
        pass


def step(name: str) -> None:
    rebuilding.step(rebuilds.rebuildable(name), inf)


def built(name: str = "directory") -> None:
    rebuilds.start(name, reason="OPS-1")
    done(name)


def found(name: str = "directory") -> Rebuild:
    standing = standings.current(name)
    assert standing
    return standing.rebuild


def counts(name: str = "directory") -> list[tuple[int, int, int, int]]:
    comparison = found(name).comparison
    assert comparison
    kinds = ("created", "changed", "deleted", "moved")
    return [tuple(t[k] for k in kinds) for t in comparison["tables"]]


def rename(user_id: UUID, name: str) -> None:
    services.execute(ChangeName(user_id=user_id, name=name), metadata())


def erase(user_id: UUID) -> None:
    services.execute(EraseUser(user_id=user_id, ground=GROUND), metadata())


def tables() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname::text, tablename::text FROM pg_tables"
            " WHERE schemaname LIKE 'rebuild%' ORDER BY 1, 2"
        )
        rows: list[tuple[str, str]] = cursor.fetchall()
        return rows


def told() -> list[tuple[str, str, str]]:
    events: list[Any] = store.read_stream("subscription-directory")
    return [(e.actor, e.payload.change, e.payload.reason) for e in events]


def in_threads(*work: Any) -> None:
    threads = [Thread(target=each) for each in work]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def users_in(name: str, schema: str) -> set[UUID]:
    with transaction.atomic(), copies.looking_into(schema):
        return set(MODELS[name].objects.values_list("user_id", flat=True))
