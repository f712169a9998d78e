"""Become another program that is told to stop when its supervisor dies.

Run by path (``python leash.py PARENT_PID program …``), so that it weighs nothing and
nothing of ours runs between fork and exec in a process with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; survives exec


def main() -> None:
    """Ask Linux for SIGTERM on the parent's death, then exec the program.

    Elsewhere there is no such request: there a supervisor that is killed leaves its
    children to be stopped by hand.
    """
    parent, *program = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we asked
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606  # no shell wanted


if __name__ == "__main__":
    main()
