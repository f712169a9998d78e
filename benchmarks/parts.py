"""Where the time of a command goes: one loop of requests here, under cProfile."""

from __future__ import annotations

import os
import uuid
from cProfile import Profile
from pathlib import Path
from pstats import Stats
from typing import Any

# A part, and the functions whose time it is, callees included: end of file and name.
PARTS = {
    "authentication": [("users/api/authentication.py", "authenticate")],
    "reading the body": [("users/api/bodies.py", "parse")],
    "validation": [("rest_framework/serializers.py", "is_valid")],
    "idempotency: lock, look, keep": [
        ("users/answers.py", "_hold"),
        ("users/answers.py", "_kept"),
        ("users/answers.py", "_keep"),
    ],
    "loading the user": [("eventstore/repository.py", "load")],
    "claim of the address": [("users/claims.py", "settle")],
    "append": [("eventstore/store.py", "append")],
    "commit": [("django/db/backends/base/base.py", "commit")],
    "answer": [("users/api/carrying_out.py", "_done")],
}
WHOLE = ("django/core/handlers/base.py", "get_response")
WARM_UP = 5


def where_the_time_goes(requests: int) -> list[str]:
    """Return, as lines of Markdown, what each part takes of a request that creates.

    Wall time, waits for the database included; the profiler makes Python up to twice as
    slow, so shares are told beside milliseconds.
    """
    ask = _asking()
    for _ in range(WARM_UP):
        ask()
    # Built-in functions belong to whoever calls them.
    profile = Profile(builtins=False)
    profile.enable()
    for _ in range(requests):
        ask()
    profile.disable()
    stats: dict[tuple[str, int, str], Any] = Stats(profile).stats  # type: ignore[attr-defined]
    whole = _seconds(stats, *WHOLE) / requests * 1000
    taken = {
        part: sum(_seconds(stats, *each) for each in functions) / requests * 1000
        for part, functions in PARTS.items()
    }
    taken["middleware, routing and the rest"] = whole - sum(taken.values())
    lines = [
        f"Where the time goes, one connection, {requests:,} requests under cProfile:",
        "",
        "| part | ms | share |",
        "|---|--:|--:|",
    ]
    for part, ms in taken.items():
        lines.append(f"| {part} | {ms:.2f} | {ms / whole:.0%} |")
    return [*lines, f"| whole request | {whole:.2f} | 100% |", ""]


def _asking() -> Any:
    from django.conf import settings  # noqa: PLC0415 - Django must be set up
    from django.test import Client  # noqa: PLC0415

    from benchmarks.contestants.commands_annals import (  # noqa: PLC0415
        UNLIMITED,
        body,
        token,
    )
    from eventstore import doorbell  # noqa: PLC0415

    for name, value in UNLIMITED.items():
        setattr(settings, name, int(value))
    doorbell.ring_after_commit = lambda: None  # it rings in a thread of its own
    client = Client(headers={"Authorization": f"Bearer {token()}", "Host": "localhost"})

    def ask() -> None:
        told = client.post(
            "/api/v1/users",
            body()[0],
            content_type="application/json",
            headers={"Idempotency-Key": f'"{uuid.uuid4()}"'},
            secure=True,
        )
        if told.status_code != 202:  # noqa: PLR2004
            raise SystemExit(told.content.decode())

    return ask


def _seconds(
    stats: dict[tuple[str, int, str], Any], ending: str, function: str
) -> float:
    wanted = str(Path(ending)).replace("/", os.sep)
    return sum(
        float(cumulative)
        for (file, _line, name), (_, _, _, cumulative, _) in stats.items()
        if name == function and file.endswith(wanted)
    )
