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
    lengths = pace.some((SHORT, LONG + every // 2, LONGEST + every // 2))
    for length in lengths:
        yield _of_length(length, pace)
    names = {length: f"Annals, {length:,} events" for length in lengths}
    names[LONG + every - 1] = f"Annals, {LONG + every - 1:,} events, the longest tail"
    yield Contest(
        title=f"State by length, with snapshots every {every} events",
        unit="states",
        share=0.5,
        contestants=[
            annals("stream_annals.py", name=name, mode=f"snapshot {length}")
            for length, name in pace.some(list(names.items()))
        ],
        target=0.33,
        target_of=names[lengths[-1]],
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
