"""A form that came too late: kept while its sender is asked who they are (ADR-0046).

Nothing of it is carried out.  It lies in the session, sealed and for ten minutes, and
fills the form in when its page is shown next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from cryptography.fernet import InvalidToken
from django.forms import BaseForm
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from users import factors

UNSENT = "unsent"  # in the session
KEPT_SECONDS = 600
MOST_BYTES = 100_000  # of what was typed; a session is read with every request
OURS = ("csrfmiddlewaretoken",)


def keep(request: HttpRequest) -> None:
    """Keep what *request* posts, but no password; nobody can read it where it lies."""
    if request.method != "POST":
        return
    typed = request.POST.copy()
    for name in [*typed]:
        if name in OURS or "password" in name:
            del typed[name]
    kept = orjson.dumps([request.path, typed.urlencode()]).decode()
    if len(kept) <= MOST_BYTES:
        request.session[UNSENT] = factors.sealed(kept).decode()


def refilled(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return *response* with its form as it was typed, if one of its page is kept.

    A page with several forms gets it into the one that has most of its fields.  What is
    kept serves once; where it was posted must be the page, or an act right under it.
    """
    if request.method != "GET" or UNSENT not in request.session:
        return response
    if not isinstance(response, TemplateResponse):
        return response
    forms = list(_empty(response.context_data or {}))
    path, typed = _kept(request)
    if not path:
        del request.session[UNSENT]
        return response
    if not forms or request.path not in {path, _above(path)}:
        return response
    del request.session[UNSENT]
    form = max(forms, key=lambda each: _fit(each, typed))
    for name, field in form.fields.items():
        at = form.add_prefix(name)
        if not field.widget.value_omitted_from_data(typed, {}, at):
            form.initial[name] = field.widget.value_from_datadict(typed, {}, at)
    return response


def _kept(request: HttpRequest) -> tuple[str, QueryDict]:
    kept = request.session[UNSENT].encode()
    try:
        path, typed = orjson.loads(factors.opened(kept, seconds=KEPT_SECONDS))
    except InvalidToken:  # too old, or SECRET_KEY is another one now
        return "", QueryDict()
    return path, QueryDict(typed)


def _above(path: str) -> str:
    return f"{path.rstrip('/').rpartition('/')[0]}/"


def _empty(context: dict[str, Any]) -> Iterator[BaseForm]:
    for each in context.values():
        if isinstance(each, BaseForm) and not each.is_bound:
            yield each


def _fit(form: BaseForm, typed: QueryDict) -> tuple[int, int]:
    known = sum(form.add_prefix(name) in typed for name in form.fields)
    return known, known - len(form.fields)
