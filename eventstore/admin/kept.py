"""What somebody typed, kept on the server while they are asked for their password."""

from __future__ import annotations

from django.http import HttpRequest, QueryDict

SESSION_KEY = "kept_form"  # one a session: the last
TOKEN = "csrfmiddlewaretoken"


def keep(request: HttpRequest) -> None:
    """Keep what *request* posts, until its page takes it or something else is kept."""
    if request.method == "POST":
        form = request.POST.copy()
        form.pop(TOKEN, None)
        place = request.get_full_path()
        request.session[SESSION_KEY] = {"place": place, "form": form.urlencode()}


def take(request: HttpRequest) -> QueryDict | None:
    """Return what was kept for this page, once; None when nothing was."""
    kept = request.session.get(SESSION_KEY)
    if kept is None or kept["place"] != request.get_full_path():
        return None
    del request.session[SESSION_KEY]
    return QueryDict(kept["form"])
