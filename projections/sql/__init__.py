"""The statements of projections that write set-wise, one a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString


@cache
def load(name: str) -> LiteralString:
    """Return the statement in ``<name>.sql``."""
    path = Path(__file__).parent / f"{name}.sql"
    return path.read_text(encoding="utf-8")
