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


@pytest.mark.parametrize("part", [part for part in PARTS if part != "commands"])
def test_a_benchmark_runs_and_nobody_gives_a_wrong_answer(part: str) -> None:
    told = run("benchmarks", "--trial", "--without-peers", "--only", part)
    assert "| Annals" in told


def test_the_questions_to_the_browser_are_answered_in_a_tiny_log() -> None:
    told = run("benchmarks.browser", "--events", "1000", "--rounds", "2")
    assert told.startswith("1,000 events, 2 calls of each\n")
    assert "| type and source that never meet; upwards |" in told


def test_commands_are_told_with_latency_and_by_parts() -> None:
    told = run("benchmarks", "--trial", "--without-peers", "--only", "commands")
    assert told.count("| p50 ms | p99 ms |") == 3
    assert "| whole request |" in told


def test_the_questions_of_clients_are_answered_in_a_tiny_directory() -> None:
    told = run("benchmarks.queries", "--users", "1000", "--rounds", "2")
    assert told.startswith("1,000 users, 2 answers to each\n")
    assert "| one user, explain |" in told


def run(module: str, *arguments: str) -> str:
    inherited = os.environ.items()
    environment = {name: value for name, value in inherited if name not in UNHEARD}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        check=False,
        cwd=PROJECT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
