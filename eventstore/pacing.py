"""How many events a batch reads, so that it takes about as long as it should.

A batch is a transaction: one that takes long holds its buckets, keeps a stopping worker
waiting, and is lost as a whole when the worker is killed.  Each process remembers for
each subscription what it has seen; nothing is kept.
"""

from __future__ import annotations

from django.conf import settings

_sizes: dict[str, int] = {}  # of subscriptions that are slower than the target


def size(name: str, *, most: int) -> int:
    """Return how many events the next batch of *name* reads, *most* at the most."""
    return min(_sizes.get(name, most), most)


def took(name: str, seconds: float, *, size: int, most: int) -> None:
    """Note how long a batch of *size* events took.

    One that took too long makes the next ones fit; one that did not doubles them, up to
    *most*.
    """
    target = settings.BATCH_TARGET_MS / 1_000
    fits = 2 * size if seconds <= target else max(int(size * target / seconds), 1)
    if fits < most:
        _sizes[name] = fits
    else:
        _sizes.pop(name, None)
