"""What staff call the fields of events and states, and the words that stand in them.

The log, addresses and exports keep the words of the machine.
"""

from __future__ import annotations

from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from eventstore.wording import Said

FIELDS = {
    "account": pgettext_lazy("field", "account"),
    "act": pgettext_lazy("field", "act"),
    "actor": pgettext_lazy("field", "actor"),
    "attribute": pgettext_lazy("field", "attribute"),
    "change": pgettext_lazy("field", "change"),
    "changed since": pgettext_lazy("field", "changed since"),
    "created since": pgettext_lazy("field", "created since"),
    "created until": pgettext_lazy("field", "created until"),
    "created_at": pgettext_lazy("field", "created_at"),
    "crontab": pgettext_lazy("field", "crontab"),
    "description": pgettext_lazy("field", "description"),
    "email": pgettext_lazy("field", "email"),
    "enabled": pgettext_lazy("field", "enabled"),
    "factor": pgettext_lazy("field", "factor"),
    "first_name": pgettext_lazy("field", "first_name"),
    "ground": pgettext_lazy("field", "ground"),
    "groups": pgettext_lazy("field", "groups"),
    "interval": pgettext_lazy("field", "interval"),
    "is_active": pgettext_lazy("field", "is_active"),
    "is_staff": pgettext_lazy("field", "is_staff"),
    "is_superuser": pgettext_lazy("field", "is_superuser"),
    "last_name": pgettext_lazy("field", "last_name"),
    "mode": pgettext_lazy("field", "mode"),
    "name": pgettext_lazy("field", "name"),
    "new": pgettext_lazy("field", "new"),
    "new_email": pgettext_lazy("field", "new_email"),
    "new_name": pgettext_lazy("field", "new_name"),
    "new_status": pgettext_lazy("field", "new_status"),
    "old": pgettext_lazy("field", "old"),
    "old_email": pgettext_lazy("field", "old_email"),
    "old_name": pgettext_lazy("field", "old_name"),
    "old_status": pgettext_lazy("field", "old_status"),
    "password": pgettext_lazy("field", "password"),
    "period": pgettext_lazy("field", "period"),
    "permissions": pgettext_lazy("field", "permissions"),
    "position": pgettext_lazy("field", "position"),
    "reason": pgettext_lazy("field", "reason"),
    "role": pgettext_lazy("field", "role"),
    "schedule": pgettext_lazy("field", "schedule"),
    "source": pgettext_lazy("field", "source"),
    "state": pgettext_lazy("field", "state"),
    "status": pgettext_lazy("field", "status"),
    "subject": pgettext_lazy("field", "subject"),
    "target": pgettext_lazy("field", "target"),
    "task": pgettext_lazy("field", "task"),
    "until": pgettext_lazy("field", "until"),
    "updated since": pgettext_lazy("field", "updated since"),
    "updated until": pgettext_lazy("field", "updated until"),
    "updated_at": pgettext_lazy("field", "updated_at"),
    "user_id": pgettext_lazy("field", "user_id"),
    "user_permissions": pgettext_lazy("field", "user_permissions"),
    "username": pgettext_lazy("field", "username"),
    "version": pgettext_lazy("field", "version"),
}
# Fields that hold words of ours; what others hold is shown as it is.
CODED = frozenset(
    {
        *("status", "old_status", "new_status"),
        *(
            "act",
            "attribute",
            "change",
            "factor",
            "ground",
            "mode",
            "state",
            "what",
            "winner",
        ),
    }
)
SAID = frozenset({"act", "attribute", "old", "new", "state"})  # the same, of refusals
CODES = {
    "absent": pgettext_lazy("code", "absent"),
    "accepted": pgettext_lazy("code", "accepted"),
    "active": pgettext_lazy("code", "active"),
    "added": pgettext_lazy("code", "added"),
    "app": pgettext_lazy("code", "app"),
    "applied": pgettext_lazy("code", "applied"),
    "approved": pgettext_lazy("code", "approved"),
    "asking": pgettext_lazy("code", "asking"),
    "audit": pgettext_lazy("code", "audit"),
    "awaiting_approval": pgettext_lazy("code", "awaiting_approval"),
    "cancel": pgettext_lazy("code", "cancel"),
    "cancelled": pgettext_lazy("code", "cancelled"),
    "changed": pgettext_lazy("code", "changed"),
    "changed code accepted": pgettext_lazy("code", "changed code accepted"),
    "codes": pgettext_lazy("code", "codes"),
    "compare": pgettext_lazy("code", "compare"),
    "conflict": pgettext_lazy("code", "conflict"),
    "conflicts": pgettext_lazy("code", "conflicts"),
    "created": pgettext_lazy("code", "created"),
    "deactivated": pgettext_lazy("code", "deactivated"),
    "deleted": pgettext_lazy("code", "deleted"),
    "differs": pgettext_lazy("code", "differs"),
    "disabled": pgettext_lazy("code", "disabled"),
    "done": pgettext_lazy("code", "done"),
    "drop": pgettext_lazy("code", "drop"),
    "dropped": pgettext_lazy("code", "dropped"),
    "email": pgettext_lazy("code", "email"),
    "erased": pgettext_lazy("code", "erased"),
    "erasure": pgettext_lazy("code", "erasure"),
    "events": pgettext_lazy("code", "events"),
    "expired": pgettext_lazy("code", "expired"),
    "failed": pgettext_lazy("code", "failed"),
    "failing": pgettext_lazy("code", "failing"),
    "filling": pgettext_lazy("code", "filling"),
    "full": pgettext_lazy("code", "full"),
    "ignored": pgettext_lazy("code", "ignored"),
    "incremental": pgettext_lazy("code", "incremental"),
    "indexing": pgettext_lazy("code", "indexing"),
    "kept tables dropped": pgettext_lazy("code", "kept tables dropped"),
    "linked": pgettext_lazy("code", "linked"),
    "made anew": pgettext_lazy("code", "made anew"),
    "merged": pgettext_lazy("code", "merged"),
    "missing": pgettext_lazy("code", "missing"),
    "name": pgettext_lazy("code", "name"),
    "orphaned": pgettext_lazy("code", "orphaned"),
    "ours": pgettext_lazy("code", "ours"),
    "passkey": pgettext_lazy("code", "passkey"),
    "password changed": pgettext_lazy("code", "password changed"),
    "pause": pgettext_lazy("code", "pause"),
    "paused": pgettext_lazy("code", "paused"),
    "paused_limit": pgettext_lazy("code", "paused_limit"),
    "paused_quality": pgettext_lazy("code", "paused_quality"),
    "paused_user": pgettext_lazy("code", "paused_user"),
    "pending": pgettext_lazy("code", "pending"),
    "quarantined": pgettext_lazy("code", "quarantined"),
    "queued": pgettext_lazy("code", "queued"),
    "read": pgettext_lazy("code", "read"),
    "ready": pgettext_lazy("code", "ready"),
    "rebuild cancelled": pgettext_lazy("code", "rebuild cancelled"),
    "rebuild paused": pgettext_lazy("code", "rebuild paused"),
    "rebuild resumed": pgettext_lazy("code", "rebuild resumed"),
    "rebuild started": pgettext_lazy("code", "rebuild started"),
    "rebuild": pgettext_lazy("code", "rebuild"),
    "reconcile": pgettext_lazy("code", "reconcile"),
    "record": pgettext_lazy("code", "record"),
    "recovery": pgettext_lazy("code", "recovery"),
    "redelivery ordered": pgettext_lazy("code", "redelivery ordered"),
    "refused": pgettext_lazy("code", "refused"),
    "removed": pgettext_lazy("code", "removed"),
    "repaired": pgettext_lazy("code", "repaired"),
    "request": pgettext_lazy("code", "request"),
    "resume": pgettext_lazy("code", "resume"),
    "resumed": pgettext_lazy("code", "resumed"),
    "retention": pgettext_lazy("code", "retention"),
    "retry ordered": pgettext_lazy("code", "retry ordered"),
    "running": pgettext_lazy("code", "running"),
    "salesforce_findings": pgettext_lazy("code", "salesforce_findings"),
    "secret rotated": pgettext_lazy("code", "secret rotated"),
    "skipped": pgettext_lazy("code", "skipped"),
    "spent": pgettext_lazy("code", "spent"),
    "stale": pgettext_lazy("code", "stale"),
    "started by hand": pgettext_lazy("code", "started by hand"),
    "status": pgettext_lazy("code", "status"),
    "streams": pgettext_lazy("code", "streams"),
    "succeeded": pgettext_lazy("code", "succeeded"),
    "succeeded_degraded": pgettext_lazy("code", "succeeded_degraded"),
    "suspended": pgettext_lazy("code", "suspended"),
    "switch": pgettext_lazy("code", "switch"),
    "switch back": pgettext_lazy("code", "switch back"),
    "switched": pgettext_lazy("code", "switched"),
    "switched back": pgettext_lazy("code", "switched back"),
    "switched to the rebuilt tables": pgettext_lazy(
        "code", "switched to the rebuilt tables"
    ),
    "theirs": pgettext_lazy("code", "theirs"),
    "tried on a few": pgettext_lazy("code", "tried on a few"),
    "unchanged": pgettext_lazy("code", "unchanged"),
    "unlawful": pgettext_lazy("code", "unlawful"),
    "users": pgettext_lazy("code", "users"),
    "waiting": pgettext_lazy("code", "waiting"),
    "withdrawn": pgettext_lazy("code", "withdrawn"),
    "withheld": pgettext_lazy("code", "withheld"),
}

# What stands in place of a value that the reader may not see, or that nobody can.
SIGNS = {
    "(masked)": gettext_lazy("(masked)"),
    "[erased]": gettext_lazy("[erased]"),
}


def label(field: str) -> str:
    """Return what staff call *field*; its own name where nobody calls it otherwise."""
    return str(FIELDS.get(field, field))


def sign(text: str) -> str:
    """Return *text*; where it stands for what is hidden, in the reader's language."""
    return str(SIGNS.get(text, text))


def code(value: Any) -> str:
    """Return a word of ours in the reader's language."""
    return str(CODES.get(str(value), value))


def refusal(error: Exception) -> str:
    """Return why something was refused, in the reader's language where it is ours."""
    reason = getattr(error, "reason", None)
    first = reason if isinstance(reason, Said) else next(iter(error.args), "")
    if not isinstance(first, Said):
        return str(error)
    return said(first)


def said(text: str) -> str:
    """Return a sentence in the reader's language where it remembers what it is of."""
    if not isinstance(text, Said):
        return text
    facts = {name: _fact(name, fact) for name, fact in text.facts.items()}
    return _(text.template).format(**facts)


def _fact(name: str, fact: Any) -> Any:
    match fact:
        case Said():
            return said(fact)
        case int():
            return _Number(fact)
        case _:
            return code(fact) if name in SAID else fact


class _Number(int):
    """A number of a sentence; ``{count:,}`` groups it as the reader does."""

    def __format__(self, how: str) -> str:
        return (
            number_format(self, force_grouping=True) if how == "," else str(int(self))
        )
