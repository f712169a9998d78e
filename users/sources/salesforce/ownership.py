"""Who is right about an attribute: what they said last time, say now, and what we say.

Pure.  Values are compared in their comparison form; what they said last time is known
by its hash alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Owner(StrEnum):
    """Whose word counts when both sides changed an attribute."""

    SALESFORCE = "salesforce"
    LOCAL = "local"
    NEWEST = "newest"
    MANUAL = "manual"


class OnDelete(StrEnum):
    """What becomes of a user whose record is deleted, merged or absent."""

    DEACTIVATE = "deactivate"
    FLAG = "flag"  # the link says so, and the user stays as they are
    IGNORE = "ignore"


class Verdict(StrEnum):
    """What becomes of an attribute."""

    NOTHING = "nothing"  # they say nothing new, or what we say
    APPLY = "apply"  # theirs becomes ours
    KEEP = "keep"  # ours stays; the difference is told
    ASK = "ask"  # a human decides


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one attribute.

    Attributes:
        is_new: They did not say this last time, or there was no last time.
        is_same: We say it, too.
        is_untouched: We say what they said last time.
        theirs_at: Since when theirs is true, as they say.
        ours_at: Since when ours is.
    """

    is_new: bool
    is_same: bool
    is_untouched: bool
    theirs_at: datetime
    ours_at: datetime | None


def judge(facts: Facts, owner: Owner) -> Verdict:
    """Return what becomes of the attribute; *owner* matters when both changed it."""
    if not facts.is_new or facts.is_same:
        return Verdict.NOTHING
    if facts.is_untouched:
        return Verdict.APPLY
    match owner:
        case Owner.SALESFORCE:
            return Verdict.APPLY
        case Owner.LOCAL:
            return Verdict.KEEP
        case Owner.MANUAL:
            return Verdict.ASK
        case Owner.NEWEST:
            is_older = facts.ours_at is not None and facts.ours_at > facts.theirs_at
            return Verdict.KEEP if is_older else Verdict.APPLY
