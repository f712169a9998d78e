"""The whole log into typed events, as a new subscription reads it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.contest import Contest, Pace
from benchmarks.environments import NAIVE, PYEVENTSOURCING, annals, bare, peers


def contests(pace: Pace) -> Iterator[Contest]:
    """Yield the contest."""
    events = pace.size(50_000)
    yield Contest(
        title=f"Read a log of {events:,} events (bare: COPY out of the same columns)",
        contestants=[
            bare("log_bare.py", mode=f"copy {events}"),
            bare(
                "log_bare.py",
                name="bare database, pages of tuples",
                mode=f"select {events}",
            ),
            annals("log_annals.py", mode=f"read {events}"),
            *peers(
                pace,
                (
                    f"{PYEVENTSOURCING}, recorder",
                    "log_pyeventsourcing.py",
                    f"recorder {events}",
                ),
                (
                    f"{PYEVENTSOURCING}, application",
                    "log_pyeventsourcing.py",
                    f"application {events}",
                ),
                (NAIVE, "log_naive.py", f"read {events}"),
            ),
        ],
        share=0.5,
        target=0.7,
    )
