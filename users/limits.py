"""How often somebody may do something: one shared counter, exact across processes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

from eventstore import wire
from users.models import Quota

SALT = "users.limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many uses a window; the window opens with the first use.

    Attributes:
        name: Short, for headers and keys.
        most: Uses a window; 0 for no limit at all.
        seconds: Length of a window.
    """

    name: str
    most: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How a limit stands for somebody, this use included.

    Attributes:
        left: Uses left in the window, from 0.
        resets_in: Seconds until the window ends, from 1.
        is_over: True when this use is one too many.
    """

    limit: Limit
    left: int
    resets_in: int
    is_over: bool


def spend(limit: Limit, subject: str, *, uses: int = 1) -> Usage | None:
    """Count *uses* by *subject* and return how the limit stands; None without one.

    One statement, atomic: of uses at the same moment, no more than the limit are not
    over it.  Uses that do not fit are all over it, and spend what is left.  Kept is a
    keyed hash; the table names neither addresses nor accounts.

    Outside of a transaction nobody waits for the disk: whoever counts next holds up
    everyone else with the same limit, and a server that dies loses a second of counts.
    """
    if not limit.most:
        return None
    wanted = {
        "key": _key(limit, subject),
        "most": limit.most,
        "seconds": limit.seconds,
        "uses": uses,
        "is_alone": not connection.in_atomic_block,
    }
    ((spent, resets_in, _commits),) = wire.rows("users.spend_quota", wanted)
    return Usage(
        limit=limit,
        left=max(limit.most - spent, 0),
        resets_in=max(ceil(resets_in), 1),
        is_over=spent > limit.most,
    )


def forget(limit: Limit, subject: str) -> None:
    """Give *subject* the whole limit again."""
    Quota.objects.filter(key=_key(limit, subject)).delete()


def discard_ended() -> int:
    """Remove the counts of windows that have ended and return how many there were."""
    removed, _by_model = Quota.objects.filter(resets_at__lt=timezone.now()).delete()
    return removed


def _key(limit: Limit, subject: str) -> bytes:
    told = f"{limit.name}\0{subject}".encode(errors="surrogatepass")
    return salted_hmac(SALT, told, algorithm="sha256").digest()
