"""Dead letters for staff: by group, one by one, and what to do about them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from eventstore import browser, codec, dead_letters, labels, liveness, quarantine
from eventstore.admin import sight
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.admin.subscriptions import REFUSED, ReasonForm
from eventstore.dead_letters import CANARY, SHOWN, Group
from eventstore.errors import (
    EventStoreError,
    LetterClosedError,
    SubscriptionPausedError,
)
from eventstore.models import DeadLetter


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show the groups, and the open letters of one of them or of all."""
    groups = dead_letters.groups()
    chosen = _group(groups, request.GET.get("group", ""))
    found = browser.events_at([each.sample.position for each in groups])
    seen = sight.of(request)
    samples = {position: seen.event(event) for position, event in found.items()}
    return page(
        request,
        "admin/eventstore/dead_letters.html",
        title=_("Dead letters"),
        groups=[(each, samples.get(each.sample.position)) for each in groups],
        chosen=chosen,
        letters=dead_letters.of_group(chosen.fingerprint if chosen else ""),
        shown=SHOWN,
        looked_ago=None if groups else liveness.looked_ago(),
        canary=CANARY,
    )


@require_safe
def letter(request: HttpRequest, number: int) -> HttpResponse:
    """Show one letter, its event, and what waits behind it."""
    try:
        found = dead_letters.numbered(number)
    except LetterClosedError:
        return not_found(request, _("There is no such dead letter."))
    return _letter_page(request, found, ReasonForm())


@require_POST
def retry(request: HttpRequest, number: int) -> HttpResponse:
    """Try one letter now."""
    try:
        left = dead_letters.retry(number)
    except EventStoreError as error:
        messages.error(request, labels.refusal(error))
        return SeeOther(reverse("admin:dead_letters"))
    return _after(request, number, left, _("Applied. The stream keeps up again."))


@require_http_methods(["POST"])
def skip(request: HttpRequest, number: int) -> HttpResponse:
    """Give the event up, with a reason."""
    try:
        found = dead_letters.numbered(number)
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return _letter_page(request, found, form, status=REFUSED)
        left = dead_letters.skip(number, reason=form.cleaned_data["reason"])
    except EventStoreError as error:
        messages.error(request, labels.refusal(error))
        return SeeOther(reverse("admin:dead_letters"))
    return _after(request, number, left, _("Skipped. The stream keeps up again."))


@require_POST
def canary(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """Try the five oldest of a group now, and say how they fared."""
    try:
        tried = dead_letters.retry_first(fingerprint)
    except SubscriptionPausedError as error:
        messages.error(request, labels.refusal(error))
    else:
        text = _("{applied} applied, {failed} failed again.")
        say = messages.warning if tried.failed else messages.success
        say(request, text.format(applied=tried.applied, failed=tried.failed))
    return _back_to(fingerprint)


@require_http_methods(["GET", "HEAD", "POST"])
def retry_group(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """Say what will be tried and ask why, then have the workers try it."""
    group = _group(dead_letters.groups(), fingerprint)
    if group is None:
        return not_found(request, _("No dead letter of this group is open."))
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        count = dead_letters.retry_group(
            fingerprint, reason=form.cleaned_data["reason"]
        )
        text = ngettext(
            "The workers try {count} letter.",
            "The workers try {count} letters.",
            count,
        )
        messages.success(request, text.format(count=count))
        return _back_to(fingerprint)
    return page(
        request,
        "admin/eventstore/dead_letter_group.html",
        title=_("Retry a group"),
        status=REFUSED if form.errors else 200,
        group=group,
        form=form,
        canary=CANARY,
    )


def _group(groups: list[Group], fingerprint: str) -> Group | None:
    found = [each for each in groups if each.fingerprint == fingerprint]
    return found[0] if found else None


def _letter_page(
    request: HttpRequest, found: DeadLetter, form: ReasonForm, *, status: int = 200
) -> HttpResponse:
    event = browser.event_at(found.position)
    known = codec.type_named(found.type)
    return page(
        request,
        "admin/eventstore/dead_letter.html",
        title=_("Dead letter {number}").format(number=found.pk),
        status=status,
        letter=found,
        is_open=found.closed_at is None,
        event=event and sight.of(request).event(event),
        waiting=dead_letters.waiting_behind(found) + 1,
        is_of_person=bool(known and known.personal),
        changed=quarantine.changed_code(found),
        form=form,
    )


def _after(
    request: HttpRequest, number: int, left: DeadLetter | None, text: str
) -> HttpResponse:
    if left is None:
        messages.success(request, text)
        return SeeOther(reverse("admin:dead_letters"))
    if left.pk == number:
        messages.error(request, _("It failed once more: {}.").format(left.error))
    else:
        told = _("Done, and then event #{position} of the stream failed.")
        messages.warning(request, told.format(position=left.position))
    return SeeOther(reverse("admin:dead_letter", args=[left.pk]))


def _back_to(fingerprint: str) -> HttpResponse:
    return SeeOther(f"{reverse('admin:dead_letters')}?group={fingerprint}")
