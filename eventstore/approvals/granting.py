"""Whether an act may happen now: what the code asks that does it, whoever calls it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings

# The act that a second person approves in this very transaction, and its target.
_granted: ContextVar[tuple[str, str] | None] = ContextVar("granted", default=None)


def is_wanted(act: str, target: str) -> bool:
    """Return whether *act* on *target* still needs a second person."""
    return settings.FOUR_EYES and _granted.get() != (act, target)


@contextmanager
def granted(act: str, target: str) -> Iterator[None]:
    """Let *act* on *target* happen inside the block; for ``keeping`` alone."""
    token = _granted.set((act, target))
    try:
        yield
    finally:
        _granted.reset(token)
