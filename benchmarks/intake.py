"""``python -m benchmarks.intake``: deliveries kept, mapped, and read again.

Takes what ``python -m benchmarks`` takes; N13 and N16 of what the intake is to reach.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.contest import Bound, Contest, Pace
from benchmarks.environments import annals, bare

CONNECTIONS = 8
AGAIN = 500  # entities that are read again


def contests(pace: Pace) -> Iterator[Contest]:
    """Yield them: through HTTP, into the log, once more after a repair."""
    program = "intake_bare.py"
    yield Contest(
        title=f"Deliveries through HTTP, connections: {CONNECTIONS}",
        mode="receive",
        writers=CONNECTIONS,
        unit="deliveries",
        contestants=[bare(program), annals("intake_http.py")],
        bounds=[Bound(name="deliveries/s", least=300), Bound(name="p99 ms", most=150)],
        note=(
            "Signed by Standard Webhooks, counted against a limit, sealed, durable; a"
            " fifth comes for the second time and is kept once. Web: gunicorn as"
            " shipped; nobody maps meanwhile. Bare: an INSERT of the same row."
        ),
    )
    yield Contest(
        title="Records of new people mapped, one worker",
        mode=f"map {pace.size(500)}",
        unit="records",
        contestants=[bare(program), annals("intake_annals.py")],
        note=(
            "A transaction a record. Bare: the row read, an event inserted, the row"
            " marked; no seal, no claim, no order within the person."
        ),
    )
    entities = pace.size(AGAIN)
    yield Contest(
        title=f"Records read again after a repair: {entities:,}, none says otherwise",
        mode=f"again {entities}",
        share=0,
        unit="records",
        contestants=[bare(program), annals("intake_annals.py")],
        bounds=[Bound(name="records/s", least=3_000)],
        note="Bare: the rows read and parsed, and marked in one statement.",
    )


def main() -> None:
    """Run the contests of this module alone."""
    from benchmarks.__main__ import main as measure  # noqa: PLC0415 - it imports us

    sys.argv[1:1] = ["--only", "intake"]
    measure()


if __name__ == "__main__":
    main()
