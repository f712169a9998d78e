"""The list of the dashboard that says whether all is well, and what to do if not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from config import access
from config.troubles import Told
from eventstore.admin.dashboard import Overview
from eventstore.events import RecordedEvent
from eventstore.liveness import Beat, Pulse
from eventstore.operator_events import LogVerified
from eventstore.templatetags.backoffice import ago
from users.sources.salesforce.run_state import State

VERIFIED_FOR = timedelta(days=7)  # after that nobody looks, one should think
# How a pill looks.
OK, WARN, ERR, OFF = "", "warn", "err", "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One line.

    Attributes:
        key: For tests and styles.
        look: Of the pill: OK, WARN, ERR or OFF.
        word: In the pill; empty where *run_state* has words of its own.
        says: One sentence or two: since when, and what to do.
        url: Where to look; empty where there is no page.
        run_state: Of a run over Salesforce.
    """

    key: str
    name: StrOrPromise
    look: str
    word: str
    says: str
    url: str = ""
    run_state: str = ""


def conditions(
    request: HttpRequest, overview: Overview, told: Mapping[str, Told]
) -> Iterator[Condition]:
    """Yield what whoever is behind *request* may know of.  No query.

    Args:
        request: Whose.
        overview: What the dashboard found.
        told: Likewise; ``salesforce`` is the newest run.
    """
    yield _log(overview.verified)
    yield _workers(overview.pulse.workers)
    yield _schedule(overview.pulse)
    if access.may_open(request.user, "salesforce_runs"):
        yield _salesforce(told["salesforce"])


def _log(event: RecordedEvent | None) -> Condition:
    found = event.payload if event else None
    said: dict[str, Any] = {"key": "log", "name": _("Log")}
    if event is None or not isinstance(found, LogVerified):
        return Condition(
            **said,
            look=WARN,
            word=_("Never verified"),
            says=_("Run “manage.py verify_log”, best every night."),
        )
    when = ago(event.recorded_at)
    if found.differs_at is not None:
        return Condition(
            **said,
            look=ERR,
            word=_("Differs at #{position}").format(
                position=intcomma(found.differs_at)
            ),
            says=_(
                "Found {when}. Find out who can write to the database, and compare the"
                " event with a backup."
            ).format(when=when),
            url=reverse("admin:event", args=[found.differs_at]),
        )
    is_old = timezone.now() - event.recorded_at > VERIFIED_FOR
    what_to_do = _("Run “manage.py verify_log”, best every night.") if is_old else ""
    from_where = _("From #{position}, {when}.").format(
        position=intcomma(found.first), when=when
    )
    return Condition(
        **said,
        look=WARN if is_old else OK,
        word=_("Verified to #{position}").format(position=intcomma(found.last)),
        says=f"{from_where} {what_to_do}".strip(),
        url=reverse("admin:event", args=[event.position]),
    )


def _workers(last: Beat) -> Condition:
    said: dict[str, Any] = {"key": "workers", "name": _("Workers")}
    if not last.is_silent and last.at is not None:
        says = _("One looked {when}.").format(when=ago(last.at))
        return Condition(**said, look=OK, word=_("Alive"), says=says)
    start = _("Start one; look whether broker and database answer it.")
    if last.at is None:
        says = _("None has ever looked.")
    else:
        says = _("None has looked since {when}.").format(when=ago(last.at))
    return Condition(**said, look=ERR, word=_("Silent"), says=f"{says} {start}")


def _schedule(pulse: Pulse) -> Condition:
    last = pulse.schedule
    said: dict[str, Any] = {"key": "schedule", "name": _("Schedule")}
    if not last.is_silent and last.at is not None:
        says = _("Last tick {when}.").format(when=ago(last.at))
        return Condition(**said, look=OK, word=_("Ticks"), says=says)
    if pulse.workers.is_silent:
        says = _("Workers note its ticks: look after them first.")
        return Condition(**said, look=WARN, word=_("Unknown"), says=says)
    start = _("Start one process of beat: retries and what is scheduled wait.")
    if last.at is None:
        says = _("It never ticked.")
    else:
        says = _("Last tick {when}.").format(when=ago(last.at))
    return Condition(**said, look=ERR, word=_("Silent"), says=f"{says} {start}")


def _salesforce(newest: Told) -> Condition:
    said: dict[str, Any] = {
        "key": "salesforce",
        "name": _("Salesforce"),
        "url": reverse("admin:salesforce_runs"),
    }
    if newest.at is None:
        says = _("Nothing was ever read from there.")
        return Condition(**said, look=OFF, word=_("No run"), says=says)
    says = _("Since {when}.").format(when=ago(newest.at))
    return Condition(
        **said,
        look=OK,
        word="",
        says=f"{says} {_what_to_do(newest.word)}".strip(),
        run_state=newest.word,
    )


def _what_to_do(state: str) -> str:
    match state:
        case State.AWAITING_APPROVAL | State.PAUSED_QUALITY:
            return _("Look at what it would change, and let it go on or cancel it.")
        case State.PAUSED_USER:
            return _("Somebody paused it; resume or cancel it.")
        case State.PAUSED_LIMIT:
            return _("It goes on by itself when requests are left.")
        case State.FAILED:
            return _("Read its error, and start it again.")
        case State.SUCCEEDED_DEGRADED:
            return _("Let our user of Salesforce see the fields that it names.")
        case _:
            return ""
