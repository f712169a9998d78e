"""Ours: records of a source mapped to people, and read again after a repair."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Callable, Sequence

from benchmarks.contestants import race
from benchmarks.contestants.annals import circumstances, set_up

SOURCE = "crm"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AGAIN = "again"  # a source of its own: whose records are all mapped
SOURCES = json.dumps(
    {name: {"mapper": "people", "secrets": [SECRET]} for name in (SOURCE, AGAIN)}
)
A_SECOND = 1_000  # records that nobody maps faster


def person() -> bytes:
    """Return what a source says of a new person."""
    identity = uuid.uuid4().hex
    told = {"name": "Ada Lovelace", "email": f"ada.{identity}@example.com"}
    return json.dumps({"id": identity, **told}).encode()


def prepare(conninfo: str, mode: str) -> Callable[[], int]:
    """Return the work of one unit."""
    os.environ["INGEST_SOURCES"] = SOURCES
    set_up(conninfo)
    what, _, count = mode.partition(" ")
    if what == "map":
        _receive(SOURCE, int(count) + int(float(sys.argv[4]) * A_SECOND))
        return _mapped
    _receive(AGAIN, int(count))
    from eventstore.intake import mapping  # noqa: PLC0415 - Django must be set up

    while mapping.map_next(AGAIN):
        pass
    return lambda: _read_again(int(count))


def _mapped() -> int:
    from eventstore.intake import mapping  # noqa: PLC0415

    race.expect(mapping.map_next(SOURCE), wanted=True)
    return 1


def _read_again(count: int) -> int:
    from eventstore.circumstances import acting  # noqa: PLC0415
    from eventstore.intake import reprocessing  # noqa: PLC0415

    about = circumstances()
    with acting(actor=about.actor, source="admin", correlation_id=uuid.uuid4()):
        outcome = reprocessing.reprocess(
            reprocessing.Selection(source=AGAIN, records=tuple(_newest(count))),
            reason="benchmark",
        )
    race.expect((outcome.entities, outcome.changed, outcome.failed), (count, 0, 0))
    return count


def _newest(count: int) -> Sequence[uuid.UUID]:
    from eventstore.intake.models import RecordMapping  # noqa: PLC0415

    found = RecordMapping.objects.filter(source=AGAIN).order_by("-raw_id")[:count]
    return list(found.values_list("record_id", flat=True))


def _receive(source: str, count: int) -> None:
    from eventstore.intake import raw  # noqa: PLC0415

    for first in range(0, count, 500):
        raw.keep(
            [
                raw.Received(source=source, kind=raw.WEBHOOK, body=person())
                for _ in range(first, min(first + 500, count))
            ]
        )


if __name__ == "__main__":
    race.run(prepare, lambda _conninfo, _mode: None)  # each turn has records of its own
