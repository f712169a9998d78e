"""API tokens in the back office: a list, one form to issue, one to revoke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from eventstore import labels
from eventstore.admin.pages import SeeOther, not_found, page
from users import tokens
from users.admin import shown_once
from users.admin.forms import IssueTokenForm, RevokeTokenForm
from users.errors import InvalidValueError, TokenNameTakenError
from users.models import ApiToken
from users.scopes import ALL, Scope
from users.tokens import Standing

REFUSED = 422
SHOWN = 500  # newest first, those in use before the others
# Nobody hands out what they may not do themselves; a superuser may do everything.
NEEDED = {
    Scope.USERS_READ: "projections.view_directoryentry",
    Scope.USERS_WRITE: "users.issue_command",
    Scope.USERS_ERASE: "users.erase_user",
    Scope.EVENTS_READ: "eventstore.view_storedevent",
    Scope.SALESFORCE_READ: "users.view_salesforcerun",
    Scope.SALESFORCE_RUN: "users.change_salesforcerun",
    Scope.SALESFORCE_APPROVE: "users.approve_salesforcerun",
    Scope.METRICS_READ: "eventstore.view_checkpoint",
    Scope.PERSONAL_READ: "eventstore.view_personal_data",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One token and whether it works now."""

    token: ApiToken
    standing: Standing
    stream: str


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show who may use the REST interface."""
    return page(
        request,
        "admin/users/tokens.html",
        title=_("API tokens"),
        rows=list(_rows()),
        shown=SHOWN,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def issue(request: HttpRequest) -> HttpResponse:
    """Issue a token and lead to the page that shows it."""
    form = IssueTokenForm(request.POST or None, offered=offered(request))
    if form.is_valid():
        asked = form.cleaned_data
        try:
            token = tokens.issue(
                asked["name"],
                scopes=asked["scopes"],
                expires_at=asked["expires"],
                reason=asked["reason"],
            )
        except (InvalidValueError, TokenNameTakenError) as error:
            _explain(form, error)
        else:
            token_id = cast("ApiToken", tokens.find(token)).token_id
            shown_once.keep(request, tokens.stream(token_id), token)
            return SeeOther(reverse("admin:token_issued", args=[token_id]))
    return page(
        request,
        "admin/users/token_issue.html",
        title=_("Issue a token"),
        status=REFUSED if form.errors else 200,
        form=form,
    )


@require_safe
def issued(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Show a token, this once: it is on no other page; later, what to do without it."""
    found = ApiToken.objects.filter(token_id=token_id).first()
    if found is None:
        return not_found(request, _("There is no such API token."))
    return page(
        request,
        "admin/users/token_issued.html",
        title=_("Token issued"),
        token=shown_once.take(request, tokens.stream(token_id)),
        found=found,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Ask why, then end the token."""
    found = ApiToken.objects.filter(token_id=token_id).first()
    if found is None:
        return not_found(request, _("There is no such API token."))
    form = RevokeTokenForm(request.POST or None)
    if form.is_valid():
        try:
            tokens.revoke(token_id, reason=form.cleaned_data["reason"])
        except InvalidValueError as error:
            _explain(form, error)
        else:
            text = _("The token of {name} works no more.").format(name=found.name)
            messages.success(request, text)
            return SeeOther(reverse("admin:tokens"))
    return page(
        request,
        "admin/users/token_revoke.html",
        title=_("Revoke a token"),
        status=REFUSED if form.errors else 200,
        form=form,
        row=_row(found),
    )


def offered(request: HttpRequest) -> frozenset[Scope]:
    """Return the scopes that the person behind *request* may hand out."""
    if request.user.is_superuser:
        return ALL
    may = request.user.has_perm
    return frozenset(scope for scope, needed in NEEDED.items() if may(needed))


def _rows() -> Iterator[Row]:
    in_use_first = F("revoked_at").desc(nulls_first=True)
    for token in ApiToken.objects.order_by(in_use_first, "-created_at")[:SHOWN]:
        yield _row(token)


def _row(token: ApiToken) -> Row:
    return Row(
        token=token,
        standing=tokens.standing(token),
        stream=tokens.stream(token.token_id),
    )


def _explain(form: forms.Form, error: InvalidValueError | TokenNameTakenError) -> None:
    if isinstance(error, TokenNameTakenError):
        form.add_error("name", labels.refusal(error))
    else:
        form.add_error(error.field, labels.refusal(error))
