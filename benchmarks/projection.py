"""The directory from nothing: batches of ours, a row an event, one SQL statement."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.contest import Contest, Pace
from benchmarks.environments import PYEVENTSOURCING, annals, bare, peers

RUN_EVENTS = 500  # of the peer's runner a unit: it is slow

SAME_ROWS = """
SELECT NOT EXISTS (
    (TABLE projections_directoryentry EXCEPT TABLE bare_directory)
    UNION ALL
    (TABLE bare_directory EXCEPT TABLE projections_directoryentry)
)
"""


def contests(pace: Pace) -> Iterator[Contest]:
    """Yield the contest."""
    events = pace.size(20_000)
    program = "projection_annals.py"
    yield Contest(
        title=f"The directory from {events:,} events (bare: one statement)",
        contestants=[
            bare("projection_bare.py", mode=f"statement {events}"),
            annals(program, mode=f"batches {events}", check=SAME_ROWS),
            annals(
                program, name="an ORM object saved per event", mode=f"rows {events}"
            ),
            *peers(
                pace,
                (
                    f"{PYEVENTSOURCING}, projection runner",
                    "projection_pyeventsourcing.py",
                    f"run {events} {RUN_EVENTS}",
                ),
            ),
        ],
        target=0.25,
    )
