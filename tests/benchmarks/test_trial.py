"""Each benchmark runs once, tiny, so that it is alive when somebody wants to know."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS

PROJECT = Path(__file__).resolve().parents[2]
# The first two are set by our own settings; coverage would slow every contestant.
UNHEARD = ("DATABASE_URL", "MIGRATE_DATABASE_URL", "COVERAGE_PROCESS_CONFIG")


@pytest.mark.parametrize("part", PARTS)
def test_a_benchmark_runs_and_nobody_gives_a_wrong_answer(part: str) -> None:
    inherited = os.environ.items()
    environment = {name: value for name, value in inherited if name not in UNHEARD}
    program = [sys.executable, "-m", "benchmarks", "--trial", "--without-peers"]
    done = subprocess.run(  # noqa: S603 - our own program
        [*program, "--only", part],
        capture_output=True,
        check=False,
        cwd=PROJECT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "| Annals" in done.stdout
