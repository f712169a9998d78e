"""The log into a file and back, against COPY of the same rows."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.contest import Contest, Pace
from benchmarks.environments import annals, bare

# Positions are drawn anew; everything else, leaves too, must be as it was.
SAME_ROWS = """
SELECT NOT EXISTS (
    (
        SELECT to_jsonb(e) - 'position' FROM events AS e
        EXCEPT ALL
        SELECT to_jsonb(k) - 'position' FROM kept_events AS k
    )
    UNION ALL
    (
        SELECT to_jsonb(k) - 'position' FROM kept_events AS k
        EXCEPT ALL
        SELECT to_jsonb(e) - 'position' FROM events AS e
    )
)
"""


def contests(pace: Pace) -> Iterator[Contest]:
    """Yield the contests of export and import; both have the rows of the first."""
    events = pace.size(50_000)
    yield Contest(
        title=f"Export of {events:,} events (bare: COPY out)",
        mode=f"export {events}",
        contestants=[bare("archive_bare.py"), annals("archive_annals.py")],
    )
    yield Contest(
        title=f"Import of {events:,} events (bare: COPY into the same table)",
        mode=f"import {events}",
        contestants=[
            bare("archive_bare.py"),
            annals("archive_annals.py", check=SAME_ROWS),
        ],
        share=0,  # a file is imported once
        target=0.5,
    )
