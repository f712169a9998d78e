"""Read models as files, and the list of all that can be exported (ADR-0044)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict

from eventstore.exports.kinds import AUDIT, EVENTS, Asked, Batch, Kind
from eventstore.masking import MASK, masked
from eventstore.shown import instant
from projections import queries
from projections.filters import DirectoryFilter
from projections.models import StreamHead, UserRow
from users.aggregate import USER
from users.sources.salesforce import rehearsals
from users.sources.salesforce.rehearsals import Change

PERSONAL = frozenset({"name", "email"})
PERSONAL_FILTERS = ("q", "email")
PAST = ("at", "as_of")
USER_COLUMNS = (
    "id",
    "name",
    "email",
    "status",
    "source",
    "created_at",
    "updated_at",
    "version",
    "position",
)
STREAM_COLUMNS = (
    "stream",
    "category",
    "version",
    "type",
    "first_at",
    "last_at",
    "position",
)


def _users(asked: Asked, cursor: str, _until: int, limit: int, personal: bool) -> Batch:  # noqa: FBT001 - see Kind
    """Return users in order of id, now or then.

    What changes meanwhile says so by its position.
    """
    query = QueryDict(mutable=True)
    query.update(asked)
    then = {n: datetime.fromisoformat(asked[n]) for n in PAST if asked.get(n)}
    found = DirectoryFilter(query, queries.users(**then)).qs
    if cursor:
        found = found.filter(user_id__gt=cursor)
    entries = list(found.order_by("user_id")[:limit])
    return Batch(
        rows=[_user(entry, personal=personal) for entry in entries],
        people=[USER.stream(e.user_id) for e in entries] if personal else (),
        cursor=str(entries[-1].user_id) if len(entries) == limit else None,
    )


def _user(entry: UserRow, *, personal: bool) -> Mapping[str, Any]:
    row = {
        "id": str(entry.user_id),
        "name": entry.name,
        "email": entry.email,
        "status": entry.status,
        "source": entry.source,
        "created_at": instant(entry.created_at),
        "updated_at": instant(entry.updated_at),
        "version": entry.version,
        "position": entry.position,
    }
    return row if personal else masked(row, PERSONAL) | {"masked": True}


def _without_persons(asked: Asked) -> Asked:
    return masked(asked, [name for name in PERSONAL_FILTERS if asked.get(name)])


def _streams(
    asked: Asked,
    cursor: str,
    _until: int,
    limit: int,
    _personal: bool,  # noqa: FBT001 - see Kind
) -> Batch:
    """Return heads in order of name."""
    found = StreamHead.objects.filter(stream__gt=cursor)
    if asked.get("category"):
        found = found.filter(category=asked["category"])
    heads = list(found.order_by("stream")[:limit])
    rows = [
        {column: getattr(head, column) for column in STREAM_COLUMNS}
        | {"first_at": instant(head.first_at), "last_at": instant(head.last_at)}
        for head in heads
    ]
    cursor_after = heads[-1].stream if len(heads) == limit else None
    return Batch(rows=rows, people=(), cursor=cursor_after)


def _findings(
    asked: Asked,
    cursor: str,
    _until: int,
    limit: int,
    personal: bool,  # noqa: FBT001 - see Kind
) -> Batch:
    """Return whom a run over Salesforce would change, and how where it is dry."""
    sf_id, _, what = cursor.partition(".")
    run_id = UUID(asked["run"])
    found = rehearsals.page(run_id, after=(sf_id, what), limit=limit)
    changes = rehearsals.read(run_id, found)
    last = changes[-1].finding if len(changes) == limit else None
    return Batch(
        rows=[_finding(change, personal=personal) for change in changes],
        people=[USER.stream(each.finding.user_id) for each in changes]
        if personal
        else (),
        cursor=f"{last.sf_id}.{last.what}" if last else None,
    )


def _finding(change: Change, *, personal: bool) -> Mapping[str, Any]:
    is_shown = personal or not change.is_personal
    shown = change if is_shown else rehearsals.masked(change, MASK)
    finding = change.finding
    row = {
        "record": finding.sf_id,
        "user": str(finding.user_id),
        "what": finding.what,
        "field": change.field,
        "now": shown.now,
        "after": shown.after,
        "reason": finding.reason,
        "position": 0,  # what was never recorded is nowhere in the log
    }
    return row if is_shown else row | {"masked": True}


USERS = Kind(
    name="users",
    columns=USER_COLUMNS,
    times=("created_at", "updated_at"),
    read=_users,
    masked=_without_persons,
)
STREAMS = Kind(
    name="streams",
    columns=STREAM_COLUMNS,
    times=("first_at", "last_at"),
    read=_streams,
)
FINDINGS = Kind(
    name="salesforce_findings",
    columns=("record", "user", "what", "field", "now", "after", "reason"),
    times=(),
    read=_findings,
    told_as="changes that a Salesforce run would make",
)
KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (EVENTS, USERS, STREAMS, AUDIT, FINDINGS)
}
