"""Read models that keep rows of users: how they are read, derived and written.

Live, rebuild and repair share the projections' own folds; what differs is who feeds
them.  A read model listed here can be previewed, reprocessed and checked for drift.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from eventstore.events import RecordedEvent
from eventstore.fingerprints import fingerprint
from projections import directory, history
from projections.directory import DIRECTORY
from projections.history import HISTORY
from projections.models import DirectoryEntry, UserPeriod
from users.aggregate import USER

CODE_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """Rows of users that one projection fills.

    Attributes:
        name: The projection's.
        rows: Returns the rows there are of some users.
        derive: Returns the rows that the events of one user lead to, unsaved.
        replace: Makes these the rows of these users, set-wise.
        place: Names a row among those of its user; empty where there is only one.
        fields: What of a row is compared.
        code: The function whose module is the projection's code.
    """

    name: str
    rows: Callable[[Sequence[UUID]], Sequence[Any]]
    derive: Callable[[Sequence[RecordedEvent]], Sequence[Any]]
    replace: Callable[[Mapping[UUID, Sequence[Any]]], None]
    place: Callable[[Any], str]
    fields: Sequence[str]
    code: Callable[..., Any]


def named(names: Sequence[str]) -> tuple[ReadModel, ...]:
    """Return the read models with these names, in the order of the list below."""
    return tuple(model for model in READ_MODELS if model.name in names)


@cache
def code_version(names: tuple[str, ...]) -> str:
    """Return 12 hex digits that change with the code of these projections."""
    return digest_of(named(names))


def digest_of(models: Sequence[ReadModel]) -> str:
    """Return 12 hex digits that change with the code of *models*.

    Covered are the projections' modules and the fold and upcasters of users; comments
    and layout do not count.
    """
    digest = sha256((fingerprint(USER) or "").encode())
    for model in models:
        module = inspect.getmodule(model.code)
        source = inspect.getsource(module) if module else ""
        digest.update(f"\0{model.name}\0{ast.dump(ast.parse(source))}".encode())
    return digest.hexdigest()[:CODE_DIGITS]


def _entries(user_ids: Sequence[UUID]) -> Sequence[DirectoryEntry]:
    return list(DirectoryEntry.objects.filter(user_id__in=user_ids))


def _entry(events: Sequence[RecordedEvent]) -> Sequence[DirectoryEntry]:
    row = directory.fold(events)
    return [] if row is None else [row]


def _replace_entries(rows: Mapping[UUID, Sequence[DirectoryEntry]]) -> None:
    directory.write([row for each in rows.values() for row in each])
    directory.delete([user_id for user_id, each in rows.items() if not each])


def _periods(user_ids: Sequence[UUID]) -> Sequence[UserPeriod]:
    found = UserPeriod.objects.filter(user_id__in=user_ids)
    return list(found.order_by("version", "pk"))


def _replace_periods(rows: Mapping[UUID, Sequence[UserPeriod]]) -> None:
    UserPeriod.objects.filter(user_id__in=list(rows)).delete()
    UserPeriod.objects.bulk_create([row for each in rows.values() for row in each])


def _period_name(row: UserPeriod) -> str:
    kinds = {"recorded": row.recorded, "valid": row.valid}
    told = "+".join(kind for kind, time in kinds.items() if time is not None)
    return f"v{row.version} {told or 'neither'}"


READ_MODELS: tuple[ReadModel, ...] = (
    ReadModel(
        name=DIRECTORY.name,
        rows=_entries,
        derive=_entry,
        replace=_replace_entries,
        place=lambda _row: "",
        fields=directory.FIELDS,
        code=directory.project,
    ),
    ReadModel(
        name=HISTORY.name,
        rows=_periods,
        derive=history.periods,
        replace=_replace_periods,
        place=_period_name,
        fields=(*directory.FIELDS, "recorded", "valid"),
        code=history.periods,
    ),
)
NAMES = tuple(model.name for model in READ_MODELS)
