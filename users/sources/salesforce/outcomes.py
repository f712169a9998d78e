"""What came of each user whom a run was to deactivate, as its finding tells it.

The reason of a finding that is done says it: as it was, where the user was deactivated;
else with a word before it, or instead of it.
"""

from __future__ import annotations

from enum import StrEnum

from users.models import SalesforceFinding
from users.sources.salesforce.comparing import BY_SALESFORCE

ALREADY = "already:"  # before the reason
FLAGGED = "flagged:"  # the same


class Kept(StrEnum):
    """Why somebody was not deactivated; stands where the reason was."""

    CAME_BACK = "kept:came_back"
    UNUSABLE = "kept:makes_no_sense"
    ERASED = "kept:erased"
    REFUSED = "kept:refused"
    CHANGED = "kept:changed_here"
    SETTINGS = "kept:settings"


class Came(StrEnum):
    """What came of a finding, or will."""

    WOULD = "would"
    WAITS = "waits"
    LEFT = "left"
    DEACTIVATED = "deactivated"
    ALREADY = "already"
    FLAGGED = "flagged"
    BACK = "back"
    UNUSABLE = "unusable"
    ERASED = "erased"
    CHANGED = "changed"
    SETTINGS = "settings"
    KEPT = "kept"


KEPT = {
    Kept.CAME_BACK: Came.BACK,
    Kept.UNUSABLE: Came.UNUSABLE,
    Kept.ERASED: Came.ERASED,
    Kept.CHANGED: Came.CHANGED,
    Kept.SETTINGS: Came.SETTINGS,
}


def of(finding: SalesforceFinding, *, is_dry: bool, is_active: bool) -> Came:
    """Return what came of a deactivation.

    Args:
        finding: One of somebody to be deactivated.
        is_dry: Whether its run changes nothing.
        is_active: Whether its run is not over yet.
    """
    if is_dry:
        return Came.WOULD
    if not finding.is_done:
        return Came.WAITS if is_active else Came.LEFT
    return _done(finding.reason)


def why(finding: SalesforceFinding) -> str:
    """Return why the user was to be deactivated; empty where it is not known now."""
    reason = finding.reason.removeprefix(ALREADY).removeprefix(FLAGGED)
    return reason if reason.startswith(BY_SALESFORCE) else ""


def _done(reason: str) -> Came:
    if reason.startswith(BY_SALESFORCE):
        return Came.DEACTIVATED
    if reason.startswith(ALREADY):
        return Came.ALREADY
    if reason.startswith(FLAGGED):
        return Came.FLAGGED
    # Of runs before there were these words nobody knows more.
    return next((came for kept, came in KEPT.items() if kept == reason), Came.KEPT)
