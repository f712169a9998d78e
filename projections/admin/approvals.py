"""What waits for a second person: listed, shown in plain words, decided (ADR-0047)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User as Account
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe
from django_stubs_ext import StrOrPromise

from eventstore import labels, rebuilds, standings, store
from eventstore.admin import sight
from eventstore.admin.pages import SeeOther, not_found, page
from eventstore.admin.subscriptions import REFUSED, ReasonForm
from eventstore.approvals import keeping
from eventstore.approvals.errors import (
    AskerLostRightError,
    NoApprovalError,
    TargetMovedError,
)
from eventstore.approvals.events import ERASURE, REBUILD
from eventstore.approvals.models import Approval
from eventstore.errors import ConcurrencyError, EventStoreError
from eventstore.subscription_events import name_of
from projections import queries
from projections.admin import masks
from projections.admin.forms import GROUNDS, EraseForm
from users import services
from users.aggregate import user_id_of
from users.commands import EraseUser
from users.errors import UserErasedError, UserError
from users.values import ErasureGround, Status

MOST_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a second person may approve.

    Attributes:
        permission: Who may ask for it, and who may approve it.
        title: What it is called.
        done: What is said once it is done.
        do: Carries it out, given the approval and the reason.
        effects: What the page says of it: the values of its template.
    """

    permission: str
    title: StrOrPromise
    done: StrOrPromise
    do: Callable[[Approval, str], object]
    effects: Callable[[HttpRequest, Approval], dict[str, Any]]


def _erase(found: Approval, reason: str) -> None:
    del reason  # the ground is what the event keeps
    user_id = user_id_of(found.target)
    state = queries.user(user_id).state
    if state is None or state.status is Status.ERASED:
        raise UserErasedError(user_id)
    command = EraseUser(user_id=user_id, ground=ErasureGround(found.values["ground"]))
    try:
        services.execute(command, expected_version=int(found.values["version"]))
    except ConcurrencyError as error:
        raise TargetMovedError(asked=error.expected, version=error.actual) from error


def _of_erasure(request: HttpRequest, found: Approval) -> dict[str, Any]:
    user_id = user_id_of(found.target)
    loaded = queries.user(user_id)
    is_shown = sight.of(request).sees(found.target)
    return {
        "user_id": user_id,
        "user_state": loaded.state if is_shown else masks.state(loaded.state),
        "version": loaded.version,
        "asked_version": int(found.values["version"]),
        "warning": EraseForm.warning,
        "ground": dict(GROUNDS).get(found.values["ground"], ""),
    }


def _rebuild(found: Approval, reason: str) -> None:
    rebuilds.start(name_of(found.target), reason=reason)


def _of_rebuild(request: HttpRequest, found: Approval) -> dict[str, Any]:
    del request
    name = name_of(found.target)
    return {
        "name": name,
        "active": rebuilds.active(name),
        "watermark": store.watermark(),
        "kept_hours": standings.kept_for().total_seconds() / 3600,
    }


ACTS: Mapping[str, Act] = {
    ERASURE: Act(
        permission="users.erase_user",
        title=gettext_lazy("Erase user"),
        done=gettext_lazy("Approved: this person is erased, for good."),
        do=_erase,
        effects=_of_erasure,
    ),
    REBUILD: Act(
        permission="projections.rebuild",
        title=gettext_lazy("Rebuild a projection"),
        done=gettext_lazy("Approved: the rebuild has begun, beside the live tables."),
        do=_rebuild,
        effects=_of_rebuild,
    ),
}


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show what was asked for of the acts that one may approve, newest first."""
    person = _person(request)
    acts = [name for name, act in ACTS.items() if person.has_perm(act.permission)]
    live = {each.pk for each in keeping.waiting()}
    return page(
        request,
        "admin/approvals/approvals.html",
        title=_("Approvals"),
        rows=[
            {
                "approval": each,
                "title": ACTS[each.act].title,
                "name": _name(each),
                "state": _state(each, is_live=each.pk in live),
                "is_own": each.account == person.pk,
            }
            for each in keeping.every().filter(act__in=acts)[:MOST_LISTED]
        ],
        most=MOST_LISTED,
    )


@require_safe
def approval(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Show what will happen, who asked, why and until when."""
    try:
        return _shown(request, keeping.find(approval_id), ReasonForm())
    except NoApprovalError as error:
        return not_found(request, labels.refusal(error))


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, approval_id: UUID, action: str) -> HttpResponse:
    """Approve and carry out, refuse, or withdraw.

    A GET comes from the page that asked for the password, and leads to the form again.
    """
    place = SeeOther(reverse("admin:approval", args=[approval_id]))
    if request.method != "POST":
        return place
    try:
        found = keeping.find(approval_id)
    except NoApprovalError as error:
        return not_found(request, labels.refusal(error))
    act = _act(request, found)
    form = ReasonForm(request.POST)
    if action not in DECISIONS:
        return not_found(request, _("There is nothing at this address."))
    if action == "refuse" and not form.is_valid():
        return _shown(request, found, form, status=REFUSED)
    try:
        text = DECISIONS[action](act, found, _person(request).pk, form)
    except (EventStoreError, UserError) as error:
        messages.error(request, labels.refusal(error))
    else:
        messages.success(request, str(text))
    return place


def _approve(act: Act, found: Approval, account: int, form: ReasonForm) -> StrOrPromise:
    del form
    keeping.approve(found.pk, account=account, do=partial(_carry_out, act))
    return act.done


def _refuse(act: Act, found: Approval, account: int, form: ReasonForm) -> StrOrPromise:
    del act
    keeping.refuse(found.pk, account=account, reason=form.cleaned_data["reason"])
    return _("Refused. Nothing happened, and nothing will.")


def _withdraw(
    act: Act, found: Approval, account: int, form: ReasonForm
) -> StrOrPromise:
    del act, form
    keeping.withdraw(found.pk, account=account)
    return _("Withdrawn. Nothing happened, and nothing will.")


DECISIONS: Mapping[str, Callable[..., StrOrPromise]] = {
    "approve": _approve,
    "refuse": _refuse,
    "withdraw": _withdraw,
}


def _carry_out(act: Act, found: Approval) -> None:
    """Do it, if whoever asked may still do it.

    Raises:
        AskerLostRightError: They may not, or have no account any more.
        TargetMovedError: The person changed since it was asked for.
        EventStoreError, UserError: It cannot be done now.
    """
    asker = Account.objects.filter(pk=found.account).first()
    if asker is None or not asker.has_perm(act.permission):
        raise AskerLostRightError
    asked = store.read_stream(keeping.stream_of(found.pk), to_version=1)[0]
    act.do(found, asked.data["reason"])


def _shown(
    request: HttpRequest, found: Approval, form: ReasonForm, *, status: int = 200
) -> HttpResponse:
    act = _act(request, found)
    person = _person(request)
    asked, *later = sight.of(request).events(
        store.read_stream(keeping.stream_of(found.pk))
    )
    is_live = keeping.waiting().filter(pk=found.pk).exists()
    return page(
        request,
        "admin/approvals/approval.html",
        title=str(act.title),
        status=status,
        approval=found,
        state=_state(found, is_live=is_live),
        asked=asked,
        decided=later[0] if later else None,
        is_own=found.account == person.pk,
        form=form,
        **act.effects(request, found),
    )


def _act(request: HttpRequest, found: Approval) -> Act:
    """Return what *found* is about, for those who may do it themselves.

    Raises:
        PermissionDenied: They may not.
    """
    act = ACTS.get(found.act)  # none where newer code knows more of them
    if act is None or not request.user.has_perm(act.permission):
        raise PermissionDenied
    return act


def _state(found: Approval, *, is_live: bool) -> str:
    is_over = found.state == Approval.State.WAITING and not is_live
    return "expired" if is_over else found.state


def _name(found: Approval) -> str:
    is_person = found.act == ERASURE
    return str(user_id_of(found.target)) if is_person else name_of(found.target)


def _person(request: HttpRequest) -> Account:
    return cast("Account", request.user)
