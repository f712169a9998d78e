"""Whose fault an error is, and what may be kept of it."""

from __future__ import annotations

import sysconfig
import traceback
from hashlib import sha256

import psycopg
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)

from eventstore.errors import (
    CheckpointMovedError,
    KeyRingError,
    NoCopyError,
    SealBrokenError,
    TooManyLettersError,
    UnreadableEventError,
)

# Where code is that is not ours: packages, and Python itself.
THEIRS = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")})
DEADLOCK = "40P01"
CANCELLED = "57014"  # SQLSTATE of a statement that took too long

# Errors of the installation; whatever event they met, another would have met them.
OURS = (
    CheckpointMovedError,
    KeyRingError,
    MemoryError,
    NoCopyError,
    OSError,
    SealBrokenError,
    TooManyLettersError,
    UnreadableEventError,
)


def is_lost_connection(error: Exception) -> bool:
    """Say whether the database went away."""
    if not isinstance(error, InterfaceError | OperationalError):
        return False
    # No SQLSTATE: the client noticed; 08 and 57P: the server said so before it left.
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))


def is_deadlock(error: Exception) -> bool:
    """Say whether two transactions waited for each other, and this one was ended."""
    return getattr(error.__cause__, "sqlstate", None) == DEADLOCK


def is_too_slow(error: Exception) -> bool:
    """Say whether the database ended a statement that took too long."""
    return getattr(error.__cause__, "sqlstate", None) == CANCELLED


def is_of_the_event(error: Exception) -> bool:
    """Say whether the event is to blame, so that others would have been applied.

    Of the database's errors only two are: a value that does not fit, and one that a
    constraint refuses.  A deadlock, a time-out, a full disk or a missing table is ours.
    """
    if isinstance(error, DatabaseError | InterfaceError):
        return isinstance(error, DataError | IntegrityError)
    return not isinstance(error, OURS)


def described(error: Exception) -> str:
    """Return the class and the place of *error*; its message may quote a person.

    Of the database's errors the constraint, or else the SQLSTATE, is told, too.
    """
    frame = _place(error)
    file = frame.filename.rpartition("/")[2]
    refusal = _refusal(error)
    told = f" ({refusal})" if refusal else ""
    return f"{type(error).__name__}{told} at {file}:{frame.lineno}"


def fingerprint(subscription: str, error: Exception) -> str:
    """Return 12 hex digits, the same for one class, function and subscription.

    And for one constraint, where the database refused.  Lines are left out: an edit
    above the place does not make it another one.
    """
    frame = _place(error)
    file = frame.filename.rpartition("/")[2]
    told = f"{subscription}\n{type(error).__name__}\n{file}\n{frame.name}"
    if refusal := _refusal(error):
        told += f"\n{refusal}"
    return sha256(told.encode()).hexdigest()[:12]


def modules(error: Exception) -> list[str]:
    """Return the names of our modules that *error* came through, outermost first."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    ours = [f for f in frames if not f.f_code.co_filename.startswith(THEIRS)]
    return list(dict.fromkeys(str(each.f_globals["__name__"]) for each in ours))


def _place(error: Exception) -> traceback.FrameSummary:
    """Return where our code, or else any code, was when *error* came."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if not each.filename.startswith(THEIRS)]
    return (ours or frames)[-1]


def _refusal(error: Exception) -> str:
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return ""
    return cause.diag.constraint_name or cause.sqlstate or ""
