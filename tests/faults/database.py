"""Keeps a PostgreSQL of its own running in a folder, for as long as it lives itself."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from config.embedded import postgres

if __name__ == "__main__":
    postgres.ensure(Path(sys.argv[1]), "annals")
    Path(sys.argv[1], "ready").touch()
    signal.pause()
