"""The end of a run: the brakes, the deactivations that waited for it, the watermark."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from eventstore import repository
from eventstore.errors import ConcurrencyError
from eventstore.repository import Loaded
from users import bulk
from users.aggregate import USER, User
from users.bulk import Wanted
from users.errors import UserErasedError
from users.models import SalesforceFinding, SalesforceLink
from users.services import Outcome
from users.sources.salesforce import links, pages, people, runs, translate
from users.sources.salesforce.client import Client
from users.sources.salesforce.comparing import BY_SALESFORCE, BY_STATUS
from users.sources.salesforce.events import SalesforceRunEnded, SalesforceRunHeld
from users.sources.salesforce.ids import canonical
from users.sources.salesforce.judging import ABSENT, judge
from users.sources.salesforce.options import Options
from users.sources.salesforce.outcomes import ALREADY, FLAGGED, Kept
from users.sources.salesforce.ownership import OnDelete
from users.sources.salesforce.pages import IDS_A_QUERY
from users.sources.salesforce.people import DEACTIVATED
from users.sources.salesforce.run_state import Mode, Run, State
from users.sources.salesforce.runs import Leased
from users.sources.salesforce.translate import STATUS, Observed, UnusableError
from users.values import Status

KEPT = frozenset(Kept)
QUARANTINE_MIN = 50  # unusable records that never stop a run
ABSENT_MIN = 5  # people who may vanish without anybody being asked


def end(leased: Leased, client: Client, told: Options) -> None:
    """Bring a run that has read everything to its end, or to a human.

    May be called again after a crash: what was done is not done twice.

    Raises:
        SalesforceError: Salesforce could not be asked; the run stands where it stood.
        LostLeaseError: Somebody else is at it.
    """
    run = leased.run
    if _has_too_many_unusable(run, told):
        reason = f"{run.counts['quarantined']} of {run.counts['read']} are unusable"
        held = SalesforceRunHeld(state=State.PAUSED_QUALITY, reason=reason)
        runs.record(leased, held)
        return
    if run.mode is Mode.RECONCILE and told.on_delete != OnDelete.IGNORE:
        _note_absent(leased)
    waiting = _deactivating(leased, told).filter(is_done=False).count()
    if not run.dry_run:
        is_much = waiting > _limit(run, told) or _are_many_absent(leased, told)
        if is_much and not run.is_approved:
            reason = f"{waiting} people would be deactivated"
            state = State.AWAITING_APPROVAL
            held = SalesforceRunHeld(state=state, reason=reason, people=waiting)
            runs.record(leased, held)
            return
        while ids := _next(leased):
            _deactivate(leased, client, told, ids)
    _succeed(leased, client, told)


def _has_too_many_unusable(run: Run, told: Options) -> bool:
    if run.mode is Mode.RECORD:
        return False  # it reads what somebody named, often because it made no sense
    share = told.quarantine_ratio * run.counts["read"]
    most = max(QUARANTINE_MIN, share)
    return run.counts["quarantined"] > most and not run.is_released


def _limit(run: Run, told: Options) -> float:
    return max(told.brake_min, told.brake_ratio * links.count(run.sobject))


def _are_many_absent(leased: Leased, told: Options) -> bool:
    """Say whether so many vanished that the right to see them may have."""
    waiting = _deactivating(leased, told).filter(is_done=False)
    absent: int = waiting.filter(reason=ABSENT).count()
    share = told.absent_ratio * links.count(leased.run.sobject)
    return absent > max(ABSENT_MIN, share)


def _findings(leased: Leased) -> Any:
    mine = SalesforceFinding.objects.filter(run_id=leased.run_id, what=DEACTIVATED)
    return mine.order_by("sf_id")


def _deactivating(leased: Leased, told: Options) -> Any:
    """Return those findings for which somebody is deactivated; a flag is for a link."""
    found = _findings(leased)
    if told.on_delete == OnDelete.DEACTIVATE:
        return found
    return found.filter(reason=BY_STATUS)


def _next(leased: Leased) -> list[str]:
    waiting = _findings(leased).filter(is_done=False)
    return list(waiting.values_list("sf_id", flat=True)[:IDS_A_QUERY])


def _note_absent(leased: Leased) -> None:
    absent = links.absent(leased.run_id, leased.run.sobject)
    for start in range(0, len(absent), IDS_A_QUERY):
        with transaction.atomic():
            _note(leased, absent[start : start + IDS_A_QUERY])
            runs.confirm(leased)


def _note(leased: Leased, absent: Collection[SalesforceLink]) -> None:
    """Note who is to be deactivated; of the others their links say all there is."""
    loaded = repository.load_many(USER, [link.user_id for link in absent])
    findings, others = [], []
    for link in absent:
        user = loaded[link.user_id]
        status = user.state.status if user.state else None
        if status not in (Status.ERASED, Status.DEACTIVATED):
            finding = SalesforceFinding(
                run_id=leased.run_id,
                sf_id=link.sf_id,
                user_id=link.user_id,
                what=DEACTIVATED,
                reason=ABSENT,
                version=user.version,
            )
            findings.append(finding)
            continue
        link.run_id = leased.run_id
        links.mark_gone(link, ABSENT)
        if status is Status.ERASED:
            links.mark_erased(link)
        others.append(link)
    SalesforceFinding.objects.bulk_create(findings, ignore_conflicts=True)
    if not leased.run.dry_run:
        links.save(others)


def _deactivate(leased: Leased, client: Client, told: Options, ids: list[str]) -> None:
    """Judge each person once more, and deactivate who still is to be; one transaction.

    Between reading and now a record may have come back, and a user may have been
    changed here, above all where a human took the night to approve.
    """
    rows = {row["Id"]: row for row in pages.named(client, leased.run, ids)}
    seen = {canonical(sf_id): _observed(row, told) for sf_id, row in rows.items()}
    with transaction.atomic():
        known = links.among(ids)
        found = {each.sf_id: each for each in _findings(leased).filter(sf_id__in=ids)}
        loaded = repository.load_many(USER, {each.user_id for each in found.values()})
        came = {
            sf_id: judge(
                finding,
                known.get(sf_id),
                loaded[finding.user_id],
                seen.get(sf_id),
                told,
            )
            for sf_id, finding in sorted(found.items())
        }
        came |= _carry_out(leased, found, loaded, seen, came)
        links.save(
            _told_of(leased, known[one], said, seen.get(one))
            for one, said in came.items()
            if said not in KEPT or said == Kept.ERASED
        )
        for reason in set(came.values()):
            told_of = [one for one, said in came.items() if said == reason]
            mine = _findings(leased).filter(sf_id__in=told_of)
            mine.update(is_done=True, reason=reason)
        runs.confirm(leased)


def _observed(row: dict[str, Any], told: Options) -> Observed | Kept:
    try:
        return translate.observed(row, told)
    except UnusableError:
        return Kept.UNUSABLE


def _carry_out(
    leased: Leased,
    found: Mapping[str, SalesforceFinding],
    loaded: Mapping[UUID, Loaded[User | None]],
    seen: Mapping[str, Observed | Kept],
    came: Mapping[str, str],
) -> dict[str, str]:
    """Deactivate, and return what came of each: its reason, or why there is none."""
    high = leased.run.high or timezone.now()
    gone = {one: why for one, why in came.items() if why.startswith(BY_SALESFORCE)}
    wanted = []
    for sf_id, reason in gone.items():
        who = found[sf_id].user_id
        each = Wanted(
            command=translate.change(who, STATUS, Status.DEACTIVATED, reason),
            metadata=_about(leased, sf_id, seen.get(sf_id), high),
            expected_version=loaded[who].version,
        )
        wanted.append(each)
    results = zip(gone.items(), bulk.execute_each(wanted), strict=True)
    return {sf_id: _came(reason, result) for (sf_id, reason), result in results}


def _came(reason: str, result: bulk.Result) -> str:
    match result:
        case ConcurrencyError():
            return Kept.CHANGED  # a moment ago
        case Outcome():
            return reason if result.changed else ALREADY + reason
        case UserErasedError():
            return Kept.ERASED  # meanwhile: nothing is left to deactivate
        case _:
            return Kept.REFUSED


def _about(
    leased: Leased, sf_id: str, seen: Observed | Kept | None, high: datetime
) -> Any:
    if not isinstance(seen, Observed):
        return translate.metadata(
            contact_id=sf_id, run_id=leased.run_id, occurred_at=high
        )
    since = min(seen.modified, high)
    return people.circumstances_of(
        seen, run_id=leased.run_id, occurred_at=since, more={}
    )


def _told_of(
    leased: Leased, link: SalesforceLink, came: str, seen: Observed | Kept | None
) -> SalesforceLink:
    link.run_id = leased.run_id
    if came == Kept.ERASED:
        links.mark_erased(link)
        return link
    links.mark_gone(link, came.removeprefix(ALREADY).removeprefix(FLAGGED))
    if isinstance(seen, Observed) and STATUS in seen.values:
        said = links.saying(link.sf_id, seen.values)
        link.said = {**link.said, STATUS: said[STATUS]}
    return link


def _succeed(leased: Leased, client: Client, told: Options) -> None:
    run = leased.run
    covered = None
    if run.mode is not Mode.RECORD and not run.dry_run and run.high:
        covered = _covered(run, run.high, client, told)
    state = State.SUCCEEDED_DEGRADED if run.missing else State.SUCCEEDED
    acted = _deactivating(leased, told).filter(is_done=True)
    done = acted.filter(reason__startswith=BY_SALESFORCE).count()
    with transaction.atomic():
        links.forget_seen(leased.run_id)
        ended = SalesforceRunEnded(state=state, deactivated=done, covered_until=covered)
        runs.record(leased, ended)


def _covered(run: Run, high: datetime, client: Client, told: Options) -> datetime:
    """Return the new watermark: promised by Salesforce, never derived from rows."""
    low = high - timedelta(hours=1)
    promised = client.covered(run.sobject, low, high)
    if promised is None:
        promised = high - timedelta(seconds=told.safety_lag_seconds)
    before = runs.watermark(run.sobject)
    return max(min(high, promised), before) if before else min(high, promised)
