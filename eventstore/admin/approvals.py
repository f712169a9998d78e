"""Asking a second person, from the page of an act that needs one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from eventstore import labels
from eventstore.admin.pages import SeeOther
from eventstore.approvals import keeping
from eventstore.approvals.errors import AskedAlreadyError


def ask(
    request: HttpRequest,
    act: str,
    target: str,
    *,
    values: Mapping[str, str],
    reason: str,
) -> HttpResponse:
    """Record that a second person is asked, and lead to what they will see.

    Args:
        request: Who asks.
        act: As in :func:`eventstore.approvals.keeping.ask`, as are the others.
        target: Of whom or what.
        values: What the act needs beside that.
        reason: Why; not empty.
    """
    person = cast("User", request.user)
    try:
        approval_id = keeping.ask(
            act, target, values=values, reason=reason, account=person.pk
        )
    except AskedAlreadyError as error:
        approval_id = error.approval_id
        messages.warning(request, labels.refusal(error))
    else:
        text = _("A second person is asked. Nothing happened yet.")
        messages.success(request, text)
    return SeeOther(reverse("admin:approval", args=[approval_id]))
