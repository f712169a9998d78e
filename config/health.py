"""Is this process alive, and can it serve?  For load balancers; tells no details."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from eventstore import store

logger = logging.getLogger(__name__)

UNAVAILABLE = 503


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Answer; that is all.  Asks nothing of anybody, so a restart would help."""
    del request
    return _said("live")


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database answers and is ours, else 503 (ADR-0032)."""
    del request
    try:
        store.watermark()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("not ready", extra={"error": type(error).__name__})
        return _said("not ready", status=UNAVAILABLE)
    return _said("ready")


def _said(word: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{word}\n", status=status, content_type="text/plain")
