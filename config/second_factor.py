"""The second factor of staff: asked for after the password, kept by its owner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import segno
from cryptography.fernet import InvalidToken
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from config import audit, sessions
from eventstore.admin.pages import SeeOther, page
from users import factors, limits
from users.limits import Limit

# In the session: whether the factor was given, or there is none to give.
STATE = "factor"
GIVEN, NONE = "given", "none"
SECRET, CHALLENGE = "factor_secret", "factor_challenge"

REFUSED = 422
NAME_LENGTH = 100  # characters
LEAVING = frozenset({"logout", "jsi18n"})
ASKING = LEAVING | {"second"}
SETTING_UP = LEAVING | {"factors", "add_app", "add_passkey", "password_change"}


class AppForm(forms.Form):
    """A name for the app, and what it shows."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=NAME_LENGTH, initial="app"
    )
    code = forms.CharField(
        label=gettext_lazy("Code the app shows"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}
        ),
    )


class CodeForm(forms.Form):
    """A code of an app, or a recovery code."""

    code = forms.CharField(
        label=gettext_lazy("Code of your app, or a recovery code"),
        max_length=50,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )


def stands_in_the_way(request: HttpRequest) -> HttpResponse | None:
    """Return where somebody must go first; None when they have shown enough."""
    state = request.session.get(STATE)
    if state == GIVEN or (state == NONE and not settings.STAFF_SECOND_FACTOR):
        return None
    found = request.resolver_match
    name = found.url_name if found else None
    if factors.has_any(_account(request)):
        return None if name in ASKING else _to("second", request)
    if settings.STAFF_SECOND_FACTOR:
        return None if name in SETTING_UP else redirect("admin:factors")
    request.session[STATE] = NONE
    return None


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor; wrong ones count, and lock as failed log-ins do."""
    account, place = _account(request), sessions.place(request)
    error, status = "", 200
    if request.method == "POST":
        limit = Limit(
            name="factors",
            most=settings.LOGIN_FAILURES,
            seconds=settings.LOGIN_LOCK_SECONDS,
        )
        usage = limits.spend(limit, str(account.pk))
        if usage and usage.is_over:
            audit.locked(account.get_username(), f"factor {account.pk}", usage)
            error, status = _("Too many codes were wrong. Try again later."), 429
        elif _is_right(request, account):
            limits.forget(limit, str(account.pk))
            request.session.cycle_key()
            request.session[STATE] = GIVEN
            return SeeOther(place)
        else:
            error, status = _("This does not fit."), REFUSED
    begun = factors.begin_proof(account, _host(request))
    options, request.session[CHALLENGE] = begun or (None, None)
    return page(
        request,
        "admin/second.html",
        title=_("Second factor"),
        status=status,
        error=error,
        form=CodeForm(),
        options=_json(options),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: HttpRequest) -> HttpResponse:
    """Show one's factors; posted, remove one or make recovery codes anew."""
    account = _account(request)
    codes: list[str] = []
    if request.method == "POST":
        if not sessions.is_proved(request):
            return sessions.ask(request)
        chosen = request.POST.get("remove", "")
        if chosen.isdecimal() and factors.remove(account, int(chosen)):
            messages.success(request, _("Removed."))
            request.session.pop(STATE, None)
            return SeeOther(reverse("admin:factors"))
        if "codes" in request.POST and factors.has_any(account):
            codes = factors.make_codes(account)
    held = factors.of(account)
    return page(
        request,
        "admin/factors.html",
        title=_("Second factors"),
        factors=[each for each in held if each.kind != factors.RECOVERY],
        left=sum(each.kind == factors.RECOVERY for each in held),
        codes=codes,
        is_demanded=settings.STAFF_SECOND_FACTOR,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add_app(request: HttpRequest) -> HttpResponse:
    """Show a secret as a picture, and keep it once the app shows the right code."""
    account = _account(request)
    form = AppForm(request.POST or None)
    secret = _secret(request)
    if form.is_valid():
        code = "".join(form.cleaned_data["code"].split())
        if factors.add_app(account, secret, code, form.cleaned_data["name"]):
            return _added(request)
        form.add_error("code", _("This is not what the app shows now."))
    picture = segno.make(factors.address(account, secret), error="m")
    return page(
        request,
        "admin/factor_app.html",
        title=_("Add an authenticator app"),
        status=REFUSED if form.errors else 200,
        form=form,
        secret=secret,
        picture=picture.svg_data_uri(scale=5, light="white"),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Have the browser make a passkey, and keep its public key."""
    account, host = _account(request), _host(request)
    is_wrong = False
    if request.method == "POST":
        made = _response(request)
        state = request.session.pop(CHALLENGE, None)
        name = request.POST.get("name", "")[:NAME_LENGTH].replace("\x00", "")
        if made and state and factors.add_passkey(account, host, state, made, name):
            return _added(request)
        is_wrong = True
    options, request.session[CHALLENGE] = factors.begin_passkey(account, host)
    return page(
        request,
        "admin/factor_passkey.html",
        title=_("Add a passkey"),
        status=REFUSED if is_wrong else 200,
        is_wrong=is_wrong,
        options=_json(options),
    )


def _added(request: HttpRequest) -> HttpResponse:
    request.session.pop(SECRET, None)
    request.session.cycle_key()
    request.session[STATE] = GIVEN
    messages.success(request, _("Added. Make recovery codes, in case you lose it."))
    return SeeOther(reverse("admin:factors"))


def _is_right(request: HttpRequest, account: User) -> bool:
    made = _response(request)
    if made is None:
        return factors.accept_code(account, request.POST.get("code", "")[:50])
    state = request.session.pop(CHALLENGE, None)
    return bool(state) and factors.accept_passkey(account, _host(request), state, made)


def _response(request: HttpRequest) -> Mapping[str, Any] | None:
    try:
        made = json.loads(request.POST.get("response", ""))
    except (ValueError, RecursionError):
        return None
    return made if isinstance(made, dict) else None


def _secret(request: HttpRequest) -> str:
    """Return the secret that is being set up, the same until it is kept."""
    try:
        return factors.opened(request.session[SECRET].encode())
    except (KeyError, InvalidToken):
        secret = factors.new_secret()
        request.session[SECRET] = factors.sealed(secret).decode()
        return secret


def _account(request: HttpRequest) -> User:
    return cast("User", request.user)  # the site lets nobody else come here


def _host(request: HttpRequest) -> str:
    return urlsplit(f"//{request.get_host()}").hostname or ""


def _json(options: Mapping[str, Any] | None) -> str:
    return "" if options is None else json.dumps(options)


def _to(name: str, request: HttpRequest) -> HttpResponse:
    answer: HttpResponse = sessions.ask(request, name)
    return answer
