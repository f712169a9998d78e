"""Commands through HTTP, as clients send them, beside the talk's own design."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.contest import Bound, Contest, Pace
from benchmarks.environments import annals, peers
from benchmarks.parts import where_the_time_goes

TALK = "the talk's create_user (FastAPI, asyncpg)"
CONNECTIONS = 16
REQUESTS = 500  # profiled
LEFT_OUT = (
    "Throttles are off by settings; a token, an Idempotency-Key and a new address"
    " come with every request. Web: gunicorn as shipped, a process a core, four threads"
    " each; client µs is all processes of the web. The talk's design, on uvicorn with a"
    " process a core, inserts one row and has none of: authentication, rules for names"
    " and addresses, unique addresses, safe retries, versions, the order of the log,"
    " hashes, sealed personal data, the doorbell."
)


def contests(pace: Pace) -> Iterator[Contest]:
    """Yield them: as fast as they go, at a steady rate, many a body."""
    talk = peers(pace, (TALK, "commands_fastapi.py", ""))
    ours = annals("commands_annals.py")
    yield Contest(
        title=f"Commands through HTTP, one event each, connections: {CONNECTIONS}",
        mode="one",
        writers=CONNECTIONS,
        unit="commands",
        contestants=[*talk, ours],
        target=0.35 if talk else None,
        bounds=[Bound(name="client µs", most=2500)],
        note=LEFT_OUT,
        appendix=lambda: where_the_time_goes(max(int(REQUESTS * pace.scale), 5)),
    )
    yield Contest(
        title="Commands through HTTP, 100 requests/s",
        mode="steady",
        writers=CONNECTIONS,
        unit="commands",
        contestants=[*talk, ours],
        bounds=[Bound(name="p99 ms", most=30)],
        note="Latency counts from the instant at which a request was due.",
    )
    yield Contest(
        title="Commands through HTTP, 1,000 a body, connections: 2",
        mode="bulk",
        writers=2,
        unit="commands",
        contestants=[ours],
        bounds=[Bound(name="commands/s", least=5000)],
        note="CPU is that of one command; latency that of a body.",
    )
