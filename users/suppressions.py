"""Values of erased people that no source acting by itself may bring back (ADR-0009)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.utils import timezone

from eventstore import wire
from users.models import Suppression


def keep(namespace: str, digests: Iterable[bytes]) -> None:
    """Suppress the values behind *digests*, for good; twice is as good as once."""
    now = timezone.now()
    Suppression.objects.bulk_create(
        [
            Suppression(namespace=namespace, digest=digest, erased_at=now)
            for digest in digests
        ],
        ignore_conflicts=True,
    )


def among(namespace: str, digests: Collection[bytes]) -> set[bytes]:
    """Return those of *digests* that are suppressed.  One query; none for none."""
    if not digests:
        return set()
    wanted = {"namespace": namespace, "digests": list(digests)}
    return {digest for (digest,) in wire.rows("users.find_suppressions", wanted)}
