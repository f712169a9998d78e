"""Who is acting, through what, in which conversation: carried by the context.

A request, a task or a command line says it once, at its door; whatever appends inside
finds it here and need not be handed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from eventstore.errors import NoCircumstancesError
from eventstore.events import Metadata

_current: ContextVar[Metadata | None] = ContextVar("circumstances", default=None)


@contextmanager
def acting(*, extra: Mapping[str, Any] | None = None, **changes: Any) -> Iterator[None]:
    """Set the circumstances for the block; what is not named is kept from outside.

    Args:
        extra: Added to what is known already.
        changes: Attributes of :class:`Metadata`.  The outermost block names actor,
            source and correlation_id.
    """
    known = _current.get()
    merged = {**(known.extra if known else {}), **(extra or {})}
    inside = (
        Metadata(**changes, extra=merged)
        if known is None
        else replace(known, **changes, extra=merged)
    )
    token = _current.set(inside)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Metadata:
    """Return the circumstances of this context.

    Raises:
        NoCircumstancesError: Nobody said who is acting.
    """
    known = _current.get()
    if known is None:
        raise NoCircumstancesError
    return known
