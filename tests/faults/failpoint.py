"""The web, which dies between commit and doorbell as soon as a certain file is there.

Between the two lie microseconds, which no kill from outside would ever hit.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from config.wsgi import application
from eventstore.doorbell import doorbell

__all__ = ["application"]

TRAP = Path(os.environ["FAILPOINT"])
ring = doorbell.ring


def ring_or_die() -> None:
    if TRAP.exists():
        os.killpg(0, signal.SIGKILL)
    ring()


doorbell.ring = ring_or_die  # type: ignore[method-assign]
