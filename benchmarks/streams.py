"""The state of one stream: what every command pays before it decides."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from benchmarks.contest import Contest, Pace
from benchmarks.environments import NAIVE, PYEVENTSOURCING, annals, bare, peers

SHORT = 10  # events
LONG = 1_000
LONGEST = 100_000


def contests(pace: Pace) -> Iterator[Contest]:
    """Yield a contest a length, and one of lengths.

    A stream in use ends anywhere between two snapshots, so ours ends in the middle.
    """
    every: int = settings.SNAPSHOT_EVERY
    longest = max(pace.size(LONGEST), LONG) + every // 2
    for length in (SHORT, LONG + every // 2, longest):
        yield _of_length(length, pace)
    yield Contest(
        title=f"State by length, with snapshots every {every} events",
        unit="states",
        share=0.5,
        contestants=[
            annals(
                "stream_annals.py", name=f"Annals, {what}", mode=f"snapshot {length}"
            )
            for what, length in (
                (f"{SHORT} events", SHORT),
                (f"{LONG + every // 2:,} events", LONG + every // 2),
                (f"{longest:,} events", longest),
                (f"{LONG + every - 1:,} events, the longest tail", LONG + every - 1),
            )
        ],
        target=0.33,
        target_of=f"Annals, {longest:,} events",
    )


def _of_length(length: int, pace: Pace) -> Contest:
    fold, snapshot = f"fold {length}", f"snapshot {length}"
    return Contest(
        title=f"State of a stream of {length:,} events (bare: SELECT of its rows)",
        unit="states",
        share=0.5,
        contestants=[
            bare("stream_bare.py", mode=fold),
            annals("stream_annals.py", name="Annals, from the first event", mode=fold),
            annals("stream_annals.py", name="Annals, with snapshots", mode=snapshot),
            *peers(
                pace,
                (PYEVENTSOURCING, "stream_pyeventsourcing.py", fold),
                (
                    f"{PYEVENTSOURCING}, with snapshots",
                    "stream_pyeventsourcing.py",
                    snapshot,
                ),
                (NAIVE, "stream_naive.py", fold),
            ),
        ],
    )
