"""The statements of the hot path, one a file."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import LiteralString


@cache
def load(name: str) -> LiteralString:
    """Return the statement in ``<name>.sql``; ``users.x`` is that of another package.

    Args:
        name: File, without its ending; after the package whose ``sql`` it is in, when
            that is not ours.
    """
    package, _, file = name.rpartition(".")
    folder = resources.files(f"{package or 'eventstore'}.sql")
    return (folder / f"{file}.sql").read_text(encoding="utf-8")
