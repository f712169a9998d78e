"""Appends: one event a transaction by several writers, and a hundred at once."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.contest import Contest, Pace
from benchmarks.environments import NAIVE, PYEVENTSOURCING, annals, bare, peers


def single(pace: Pace) -> Iterator[Contest]:
    """Yield the contests with one event a transaction."""
    for writers in pace.some((1, 4, 16)):
        yield Contest(
            title=f"Append, one event a transaction, writers: {writers}",
            mode="one",
            writers=writers,
            contestants=[
                bare("bare.py"),
                annals("annals.py"),
                *peers(
                    pace,
                    (PYEVENTSOURCING, "pyeventsourcing.py", ""),
                    (NAIVE, "naive.py", ""),
                ),
            ],
            target={1: 0.8, 16: 0.7}.get(writers),
        )


def batches(pace: Pace) -> Iterator[Contest]:
    """Yield the contest with a hundred events a transaction."""
    del pace
    yield Contest(
        title="Append, 100 events a transaction (bare: COPY), writers: 1",
        mode="batch",
        contestants=[bare("bare.py"), annals("annals.py")],
        target=0.5,
    )
