"""What every page of the back office shares: the site around it, a way to answer."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _


class SeeOther(HttpResponseRedirect):
    """After a form was carried out: go and look there, never post again."""

    status_code = 303


def page(
    request: HttpRequest,
    template: str,
    *,
    title: str,
    status: int = 200,
    **context: Any,
) -> TemplateResponse:
    """Return *template* inside the back office."""
    around = {**admin.site.each_context(request), "title": title}
    return TemplateResponse(request, template, around | context, status=status)


def not_found(request: HttpRequest, message: str) -> TemplateResponse:
    """Return a page that says in one sentence what is not there."""
    return page(
        request,
        "admin/not_found.html",
        title=_("Nothing here"),
        status=404,
        message=message,
    )


def refused(request: HttpRequest, message: str) -> TemplateResponse:
    """Return a page that says in one sentence why this cannot be done now."""
    return page(
        request,
        "admin/not_found.html",
        title=_("Not now"),
        status=409,
        message=message,
    )


def number(request: HttpRequest, name: str) -> int | None:
    """Return a number of the query string, or None when there is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 20 else None  # noqa: PLR2004 - a bigint
