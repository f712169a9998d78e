from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.journeys.cast import PROJECT, Cast, free_port

TUTORIAL = PROJECT / "docs" / "tutorial" / "integrate-a-client.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
END = "--- end of block ---"
SECONDS = 200


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """Return each block of commands, and the lines that it must print."""
    found: list[tuple[str, list[str]]] = []
    for language, body in BLOCK.findall(text):
        if language == "sh":
            found.append((body, []))
        elif not language:
            found[-1][1].extend(body.splitlines())
    return found


def is_like(line: str, wanted: str) -> bool:
    """Whether *line* is what the tutorial shows; ``…`` is anything."""
    return re.fullmatch(".*".join(map(re.escape, wanted.split("…"))), line) is not None


def shell(
    script: str, folder: Path, environment: Mapping[str, str]
) -> tuple[int, str, str]:
    """Run *script* and return its status, output and errors; leave nothing running."""
    process = subprocess.Popen(
        ["bash", "-e"],  # noqa: S607
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(script, timeout=SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, output, errors


@pytest.mark.timeout(300)
def test_the_tutorial_does_what_it_says(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback = {
        "WEBHOOK_ALLOW_HTTP": "true",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "FEED_URL": f"http://localhost:{cast.feed_port}",
    }
    for name, value in loopback.items():
        monkeypatch.setenv(name, value)
    cast.start_broker()
    cast.start_worker()
    cast.start_beat()
    cast.start_web()
    cast.start_feed()
    run = tmp_path / "run"
    run.write_text(f'#!/bin/sh\nexec {sys.executable} {PROJECT}/manage.py "$@"\n')
    run.chmod(0o755)
    told = blocks(TUTORIAL.read_text())
    script = f"\necho '{END}'\n".join(body for body, _ in told)
    for fixed, port in (("localhost:8000", cast.port), ("127.0.0.1:9797", free_port())):
        script = script.replace(fixed, f"{fixed.partition(':')[0]}:{port}")
        script = script.replace(f'"127.0.0.1", {fixed[-4:]}', f'"127.0.0.1", {port}')
    status, output, errors = shell(script, tmp_path, os.environ | cast.environment())
    printed = [part.strip().splitlines() for part in output.split(f"{END}\n")]
    assert (status, len(printed)) == (0, len(told)), errors
    for (body, wanted), lines in zip(told, printed, strict=True):
        assert len(lines) == len(wanted) or not wanted, f"{body}\n{lines}"
        wrong = [
            line
            for line, shown in zip(lines, wanted, strict=False)
            if not is_like(line, shown)
        ]
        assert wrong == [], body
