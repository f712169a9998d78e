"""The log out into a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from eventstore import store
from eventstore.archive import forms
from eventstore.archive.rows import scan


def export_events(
    output: BinaryIO,
    *,
    form: str = forms.NDJSON,
    first: int = 1,
    last: int | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> int:
    """Write the events of a range of positions, one a line, ascending; count them.

    Constant memory; one query for 2,000 events.

    Args:
        output: Where to.
        form: ``ndjson`` or ``cloudevents``.
        first: Position, inclusive.
        last: Position, inclusive; None, or above the watermark: the watermark.
        on_batch: Told the events written so far and the position reached.
    """
    write = forms.WRITERS[form]
    mark = store.watermark()
    written = 0
    for rows in scan(first=first, until=mark if last is None else min(last, mark)):
        output.write(b"".join(map(write, rows)))
        written += len(rows)
        if on_batch:
            on_batch(written, rows[-1].position)
    return written
