"""What a dry run would change, value by value, for whoever may see the people.

The values lie with the findings of the run, sealed under a key of the run's own.  It is
destroyed a day after the run ended, and a person's values are deleted with their key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from eventstore import repository, sealing, vault
from eventstore.exports import pieces
from users.aggregate import USER
from users.models import SalesforceFinding, SalesforceRun
from users.sources.salesforce.people import CREATED, DEACTIVATED
from users.sources.salesforce.translate import ATTRIBUTES, EMAIL, NAME, STATUS
from users.values import Status

KEPT = timedelta(days=1)  # after the run ended
PERSONAL = frozenset({CREATED, NAME, EMAIL})

Values = Mapping[str, str]  # by attribute
Sides = tuple[str, str]  # now, and after


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that a run would do, or wants to.

    Attributes:
        field: ``created`` for a whole person, else an attribute.
        now: The value when the run looked; empty if there was none.
        after: The value that it would have.
        is_kept: Whether both are known still.
    """

    finding: SalesforceFinding
    field: str
    now: str = ""
    after: str = ""
    is_kept: bool = True

    @property
    def is_personal(self) -> bool:
        """Whether the values tell of a person."""
        return self.field in PERSONAL


def values(findings: Iterable[SalesforceFinding]) -> dict[UUID, Values]:
    """Return what is known of those whom *findings* are about, now.  Two queries."""
    loaded = repository.load_many(USER, {each.user_id for each in findings})
    return {
        user_id: {name: str(getattr(found.state, name)) for name in ATTRIBUTES}
        for user_id, found in loaded.items()
        if found.state is not None
    }


def seal(
    run_id: UUID, findings: Sequence[SalesforceFinding], after: Mapping[UUID, Values]
) -> None:
    """Put into *findings* what would change; those of the erased get nothing.

    Must run in the transaction that keeps them, once what was tried is rolled back.

    Args:
        run_id: The dry run.
        findings: Of one page.
        after: What would be known, see :func:`values`.
    """
    if not findings:
        return
    pieces.hold(is_shared=True)  # nobody is erased between this and the commit
    before = values(findings)
    erased = vault.destroyed({USER.stream(each.user_id) for each in findings})
    key = vault.kept([_subject(run_id)])[_subject(run_id)]
    for each in findings:
        if key is None or USER.stream(each.user_id) in erased:
            continue
        sides = _sides(each, before.get(each.user_id, {}), after.get(each.user_id, {}))
        each.sealed = sealing.seal(key.cipher, orjson.dumps(sides), _place(each))


def read(run_id: UUID, findings: Sequence[SalesforceFinding]) -> list[Change]:
    """Return what each of *findings* would change.  At most three queries.

    Raises:
        SealBrokenError: Somebody changed a sealed value.
    """
    key = None
    if any(each.sealed for each in findings):
        key = vault.find([_subject(run_id)]).get(_subject(run_id))
    bare = [each for each in findings if not each.sealed and each.what == DEACTIVATED]
    known = values(bare) if bare else {}
    changes = []
    for each in findings:
        field = STATUS if each.what == DEACTIVATED else each.what
        if key is not None and each.sealed:
            opened = sealing.unseal(key.cipher, each.sealed, _place(each))
            now, after = orjson.loads(opened)
            changes.append(Change(finding=each, field=field, now=now, after=after))
        elif each.what == DEACTIVATED:
            now = known.get(each.user_id, {}).get(STATUS, "")
            gone = str(Status.DEACTIVATED)
            changes.append(Change(finding=each, field=field, now=now, after=gone))
        else:
            changes.append(Change(finding=each, field=field, is_kept=False))
    return changes


def masked(change: Change, mask: str) -> Change:
    """Return *change* with *mask* for each value; that there is none is not masked."""
    return replace(
        change, now=mask if change.now else "", after=mask if change.after else ""
    )


def page(
    run_id: UUID, *, after: tuple[str, str] = ("", ""), limit: int
) -> list[SalesforceFinding]:
    """Return findings of a run behind *after*, a record and a what, in their order."""
    sf_id, what = after
    mine = SalesforceFinding.objects.filter(run_id=run_id, sf_id__gte=sf_id)
    beyond = mine.filter(Q(sf_id__gt=sf_id) | Q(what__gt=what))
    return list(beyond.order_by("sf_id", "what")[:limit])


def forget(subject: str) -> None:
    """Delete the values of the person whose stream is *subject*; with their erasure."""
    category, _, identity = subject.partition("-")
    if category == USER.category:
        mine = SalesforceFinding.objects.filter(user_id=UUID(identity))
        mine.exclude(sealed="").update(sealed="")


def discard_old() -> None:
    """Destroy the values of dry runs that ended a day ago; safe at any time."""
    with_values = SalesforceFinding.objects.exclude(sealed="").values("run_id")
    old = SalesforceRun.objects.filter(
        dry_run=True, is_active=False, changed_at__lt=timezone.now() - KEPT
    )
    found = old.filter(run_id__in=with_values).values_list("run_id", flat=True)
    for run_id in found:
        with transaction.atomic():
            vault.destroy(_subject(run_id))
            SalesforceFinding.objects.filter(run_id=run_id).update(sealed="")


def _sides(finding: SalesforceFinding, before: Values, after: Values) -> Sides:
    if finding.what == DEACTIVATED:
        return before.get(STATUS, ""), str(Status.DEACTIVATED)
    if finding.what == CREATED:
        return "", ", ".join(after[name] for name in ATTRIBUTES if name in after)
    return before.get(finding.what, ""), after.get(finding.what, "")


def _subject(run_id: UUID) -> str:
    """Return whose key seals the values of a run: its own."""
    return f"rehearsal-{run_id}"


def _place(finding: SalesforceFinding) -> bytes:
    return f"finding\n{finding.run_id}\n{finding.sf_id}\n{finding.what}".encode()
