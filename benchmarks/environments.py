"""Where contestants run: ours in this environment, peers in one of their own."""

from __future__ import annotations

import subprocess
import sys
import venv

from benchmarks.contest import PROJECT, Contestant, Pace

PEERS = PROJECT / ".bench-venv"
PYEVENTSOURCING = "pyeventsourcing 9.5"
NAIVE = "the talk's store (SQLAlchemy)"


def bare(program: str, *, name: str = "bare database", mode: str = "") -> Contestant:
    """Return the cheapest honest way to do the same, which is the reference."""
    return Contestant(name=name, python=sys.executable, program=program, mode=mode)


def annals(
    program: str, *, name: str = "Annals", mode: str = "", check: str = ""
) -> Contestant:
    """Return Annals; see :class:`Contestant`."""
    return Contestant(
        name=name, python=sys.executable, program=program, mode=mode, check=check
    )


def peers(pace: Pace, *programs: tuple[str, str, str]) -> list[Contestant]:
    """Return the peers of these names, programs and modes; none in a run without."""
    if not pace.has_peers:
        return []
    python = _peers_python()
    return [
        Contestant(name=name, python=python, program=program, mode=mode)
        for name, program, mode in programs
    ]


def _peers_python() -> str:
    python = PEERS / "bin" / "python"
    if not python.exists():
        venv.create(PEERS, with_pip=True)
        requirements = PROJECT / "benchmarks" / "peers.txt"
        install = [str(python), "-m", "pip", "install", "-q", "-r", str(requirements)]
        subprocess.run(install, check=True)  # noqa: S603
    return str(python)
