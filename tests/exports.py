"""Files that staff ask for, and what tests read in them."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from eventstore.circumstances import acting
from eventstore.exports import keeping
from eventstore.exports.keeping import Wanted
from eventstore.exports.models import Export
from projections.exports import KINDS

FOREVER = 60.0  # seconds
NO_EVENT_FILTER = {
    "stream": "",
    "type": [],
    "actor": "",
    "source": "",
    "correlation": "",
    "since": "",
    "until": "",
}


def begun(kind: str = "events", *, account: int = 1, **changes: Any) -> Export:
    """Ask for a file; nothing of it is made."""
    asked = NO_EVENT_FILTER if kind in {"events", "audit"} else {}
    defaults: dict[str, Any] = {
        "kind": kind,
        "form": "ndjson",
        "columns": KINDS[kind].columns,
        "zone": "",
        "is_plain": True,
        "asked": asked,
        "reason": "OPS-412",
    }
    with acting(actor="staff:root", source="admin", correlation_id=uuid4()):
        return keeping.start(Wanted(**defaults | changes), account=account)


def made(kind: str = "events", **changes: Any) -> Export:
    """Ask for a file and have it made."""
    export = begun(kind, **changes)
    assert work(export.pk)
    return Export.objects.get(pk=export.pk)


def work(export_id: UUID, **options: Any) -> bool:
    return keeping.go_on(export_id, KINDS, **{"seconds": FOREVER} | options)


def content(export: Export) -> bytes:
    return b"".join(keeping.content(export))


def opened(export: Export) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the head of a file and its rows, as any reader of its form gets them.

    The digest in the head is that of the body.
    """
    whole = content(export)
    assert len(whole) == export.size_bytes
    lines = whole.splitlines(keepends=True)
    begins = keeping.body_begins(export) - 1
    ends = -1 if export.form == "json" else len(lines)
    digest = sha256(b"".join(lines[begins:ends])).hexdigest()
    head: dict[str, Any]
    if export.form == "csv":
        text = whole.decode().splitlines()
        head = {name[2:]: value for name, value in csv.reader(text[:begins])}
        rows: list[dict[str, Any]] = list(csv.DictReader(text[begins:]))
    elif export.form == "json":
        document = json.loads(whole)
        head, rows = document["export"], document["results"]
    else:
        told = [json.loads(line) for line in lines]
        head, rows = told[0]["export"], told[1:]
    assert digest == head["sha256"] == export.sha256
    return head, rows
