"""Real children under the supervisor, most of them in this very process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.children import Program
from config.supervisor import Supervisor
from tests.processes import running, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).resolve().parents[2]
SHELL = "/bin/sh"
# Stays until told to stop, with a working child of its own.
PATIENT = "trap 'exit 0' TERM; sleep 600 & while :; do wait $!; done"


def program(name: str, script: str, *arguments: object, **options: object) -> Program:
    command = [SHELL, "-c", script, name, *map(str, arguments)]
    return Program(name=name, command=command, colour=32, **options)  # type: ignore[arg-type]


def supervise(*programs: Program, seconds: float = 20) -> int:
    return Supervisor(programs, stop_seconds=seconds).run()


def stop_when(condition: Callable[[], object], number: int = signal.SIGTERM) -> None:
    def wait_and_stop() -> None:
        wait_until(condition)
        os.kill(os.getpid(), number)

    threading.Thread(target=wait_and_stop).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stops_everything_when_told_to(folder: Path, number: int) -> None:
    stop_when(lambda: len(running(str(folder))) == 2, number)
    programs = [program(name, PATIENT, folder) for name in ("web", "worker")]
    assert supervise(*programs) == 0
    assert running(str(folder)) == []


def test_sweeps_up_the_grandchildren(folder: Path) -> None:
    mark = folder / "started"
    script = 'sh -c \'trap "" TERM; : > "$1"; sleep 600\' stray "$1" & exec sleep 600'
    stop_when(mark.exists)
    assert supervise(program("web", script, mark)) == 0
    wait_until(lambda: not running(str(folder)))


def test_says_how_a_child_died_and_starts_it_again(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mark = folder / "died once"
    script = (
        'if [ -e "$1" ]; then touch "$2"; exec sleep 600; fi; touch "$1"; kill -9 $$'
    )
    again = folder / "again"
    stop_when(again.exists)
    assert supervise(program("worker", script, mark, again)) == 0
    assert "worker │ *** killed by SIGKILL; restarting\n" in capfd.readouterr().out


def test_gives_up_at_the_third_failure_and_shows_the_last_lines(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    failing = program("web", "seq 1 30; echo no such port >&2; exit 7")
    assert supervise(failing, program("worker", PATIENT, folder)) == 1
    assert running(str(folder)) == []
    said = [line.partition("│ ")[2] for line in capfd.readouterr().out.splitlines()]
    verdict = "*** exit code 7; third failure within a minute, stopping all"
    begin = said.index(verdict)
    assert said.count("*** exit code 7; restarting") == 2
    assert said[begin + 1 :] == [
        "*** its last lines:",
        *[f"    {number}" for number in range(12, 31)],
        "    no such port",
        "Stopped.",
    ]


def test_a_second_signal_ends_the_waiting(capfd: pytest.CaptureFixture[str]) -> None:
    deaf = program("worker", "trap '' TERM; echo deaf; while :; do sleep 600; done")
    supervisor = Supervisor([deaf], stop_seconds=600)
    heard: list[str] = []

    def has_said(text: str) -> bool:
        heard.append(capfd.readouterr().out)
        return text in "".join(heard)

    stop_when(lambda: has_said("deaf\n"))
    stop_when(lambda: has_said("Stopping"), signal.SIGINT)
    assert supervisor.run() == 0
    assert has_said("worker │ *** did not stop; killed\n")


def test_services_start_before_their_users_and_stop_after_them(folder: Path) -> None:
    diary = folder / "diary"
    script = 'echo "$0 starts" >> "$1"; trap \'echo "$0 stops" >> "$1"; exit\' TERM; '
    script += "while :; do sleep 0.01; done"
    stop_when(lambda: diary.exists() and len(diary.read_text().splitlines()) == 3)

    def write(entry: str) -> None:
        with diary.open("a") as page:
            page.write(entry)

    supervisor = Supervisor(
        [
            program("web", script, diary),
            program("broker", script, diary, is_service=True, is_up=diary.exists),
        ],
        stop_seconds=20,
        prepare=lambda: write("prepared\n"),
    )
    assert supervisor.run() == 0
    assert diary.read_text().splitlines() == [
        "broker starts",
        "prepared",
        "web starts",
        "web stops",
        "broker stops",
    ]


def test_a_killed_supervisor_leaves_nothing_running(folder: Path) -> None:
    script = f"""
import sys
from config.children import Program
from config.supervisor import Supervisor
command = ["{SHELL}", "-c", {PATIENT!r}, "child", {str(folder)!r}]
Supervisor([Program(name="web", command=command, colour=32)], stop_seconds=20).run()
"""
    supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT)  # noqa: S603
    wait_until(lambda: running(f"child\0{folder}"))
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: running(str(folder)) == [])
