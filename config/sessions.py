"""How long staff stay logged in, and when they are asked again who they are (ADR-0039).

Times are kept in the session, on the server: no browser can move them.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from config import unsent
from config.login import LoginForm
from eventstore.admin import tail
from eventstore.admin.pages import SeeOther, page

# In the session, in seconds since 1970.
BEGUN = "begun_at"
SEEN = "seen_at"
PROVED = "proved_at"

NOTED_EVERY = 60  # seconds; a session is not written with every request
PROOF_SECONDS = 300  # how long a password that was given counts for hard acts
REFUSED = 422

GetResponse = Callable[[HttpRequest], HttpResponse]


class SessionLifetimeMiddleware:
    """Ends a session that nobody used for a while, and every one after some hours."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer *request*, as nobody's where its session has ended."""
        if request.user.is_authenticated:
            if _has_ended(request):
                logout(request)
            elif not tail.is_by_itself(request):
                _note(request)
        return self.get_response(request)


def begin(request: HttpRequest) -> None:
    """Start the clocks of a session in which a password was given just now."""
    now = _now()
    request.session.cycle_key()  # Django keeps it when the same account logs in again
    request.session.update({BEGUN: now, SEEN: now, PROVED: now})


def is_proved(request: HttpRequest) -> bool:
    """Return whether a password was given in the last five minutes."""
    age = _now() - float(request.session.get(PROVED, 0))
    return 0 <= age < PROOF_SECONDS


def ask(request: HttpRequest, name: str = "prove") -> HttpResponse:
    """Lead to the page that asks for the password, and back to this one.

    What was typed is kept meanwhile (ADR-0046).

    Args:
        request: What is not answered yet.
        name: Of another page that asks for something.
    """
    again = {"again": 1} if request.method == "POST" else {}
    unsent.keep(request)
    query = urlencode({"next": request.get_full_path(), **again})
    return redirect(f"{reverse(f'admin:{name}')}?{query}")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def prove(request: HttpRequest) -> HttpResponse:
    """Ask for the password once more; wrong ones count as failed log-ins."""
    name = request.user.get_username()
    typed = {"username": name, "password": request.POST.get("password", "")}
    form = LoginForm(request, data=typed if request.method == "POST" else None)
    back = place(request)
    if form.is_valid() and form.get_user() == request.user:
        request.session.cycle_key()
        request.session[PROVED] = _now()
        return SeeOther(back)
    response = page(
        request,
        "admin/prove.html",
        title=_("Is it you?"),
        status=REFUSED if form.errors else 200,
        form=form,
        is_again=request.GET.get("again") == "1",
    )
    if form.lock:
        response.status_code = 429
        response.headers["Retry-After"] = str(form.lock.resets_in)
    return response


def place(request: HttpRequest) -> str:
    """Return the page of ours to go on with; the dashboard when none was asked for."""
    asked = request.GET.get("next", "")
    hosts = {request.get_host()}
    is_ours = url_has_allowed_host_and_scheme(
        asked, hosts, require_https=request.is_secure()
    )
    return asked if is_ours else reverse("admin:index")


def _has_ended(request: HttpRequest) -> bool:
    now = _now()
    begun = float(request.session.get(BEGUN, now))
    seen = float(request.session.get(SEEN, now))
    is_old = now - begun >= settings.SESSION_HOURS * 3600
    return is_old or now - seen >= settings.SESSION_IDLE_MINUTES * 60


def _note(request: HttpRequest) -> None:
    now = _now()
    if BEGUN not in request.session:  # from before there were clocks
        request.session[BEGUN] = now
    if now - float(request.session.get(SEEN, 0)) >= NOTED_EVERY:
        request.session[SEEN] = now


def _now() -> float:
    return timezone.now().timestamp()
