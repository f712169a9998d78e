"""A read model rebuilt beside the live one, against one SQL statement on plain JSON."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.contest import Contest, Pace
from benchmarks.environments import annals, bare

SAME_ROWS = """
SELECT NOT EXISTS (
    (TABLE rebuilt_directory EXCEPT TABLE bare_directory)
    UNION ALL
    (TABLE bare_directory EXCEPT TABLE rebuilt_directory)
)
"""


def contests(pace: Pace) -> Iterator[Contest]:
    """Yield the contest."""
    events = pace.size(100_000)
    yield Contest(
        title=f"Rebuild the directory from {events:,} events (bare: one statement)",
        contestants=[
            bare("projection_bare.py", mode=f"statement {events}"),
            annals("rebuild_annals.py", mode=f"rebuild {events}", check=SAME_ROWS),
        ],
        share=0,
        target=0.25,
    )
