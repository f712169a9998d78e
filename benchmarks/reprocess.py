"""``python -m benchmarks.reprocess [--events N] [--rounds N]``: one user repaired.

Rows of users are broken in the database; a preview finds what is wrong, and a run
writes the row that the log leads to.  Prints what each took.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable
from statistics import quantiles
from typing import Any
from uuid import UUID, uuid4

import django

from config.embedded.environment import prepare

WARM_UP = 20
BOUND = 20.0  # ms that 99 of 100 runs may take


def main() -> None:
    """Fill, break, repair and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reprocess")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1_000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["CELERY_BROKER_URL"] = "memory://"
    prepare()
    django.setup()
    from benchmarks import server  # noqa: PLC0415 - Django must be set up
    from benchmarks.contestants.annals import fill_log  # noqa: PLC0415
    from eventstore import subscriptions  # noqa: PLC0415

    with server.running():
        fill_log(options.events)
        for name in ("directory", "history"):
            while not subscriptions.catch_up(subscriptions.find(name)):
                pass
        _race(options.rounds)


def _race(rounds: int) -> None:
    from projections.models import DirectoryEntry  # noqa: PLC0415

    users = list(DirectoryEntry.objects.values_list("user_id", flat=True))
    chance = random.Random(1)  # noqa: S311 - not for secrets
    for user_id in chance.choices(users, k=WARM_UP):
        _repair(user_id)
    taken = [_repair(user_id) for user_id in chance.choices(users, k=rounds)]
    print(f"{len(users):,} users, {rounds:,} repaired, one by one; ms")
    print("| step | p50 | p99 | slowest |")
    print("|---|--:|--:|--:|")
    for title, times in zip(("preview", "run"), zip(*taken, strict=True), strict=True):
        cuts = quantiles(times, n=100, method="inclusive")
        print(f"| {title} | {cuts[49]:.1f} | {cuts[98]:.1f} | {max(times):.1f} |")
    late = sum(run > BOUND for _, run in taken)
    print(f"{late:,} of {rounds:,} runs took longer than {BOUND:.0f} ms")


def _repair(user_id: UUID) -> tuple[float, float]:
    """Return how long the preview and the run took, in milliseconds."""
    from eventstore.circumstances import acting  # noqa: PLC0415
    from projections import reprocess  # noqa: PLC0415
    from projections.models import DirectoryEntry  # noqa: PLC0415

    row = DirectoryEntry.objects.filter(user_id=user_id)
    name = row.get().name
    row.update(name="Broken")
    with acting(actor="staff:bench", source="admin", correlation_id=uuid4()):
        found, looked = _timed(lambda: reprocess.preview(user_id))
        _, ran = _timed(
            lambda: reprocess.run(user_id, token=found.token, reason="benchmark")
        )
    if row.get().name != name:
        message = f"{user_id} is not repaired: a wrong answer"
        raise SystemExit(message)
    return looked, ran


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = work()
    return found, (time.perf_counter() - start) * 1_000


if __name__ == "__main__":
    main()
