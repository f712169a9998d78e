"""All streams for staff: which changed last, and how long each is."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from eventstore import liveness
from eventstore.admin.pages import number, page
from projections import streams

LONGEST_CATEGORY = 100  # characters


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show the streams that changed last; ``?category=`` and ``?before=``."""
    category = request.GET.get("category", "").replace("\0", "")[:LONGEST_CATEGORY]
    found = streams.heads(
        category=category,
        before=number(request, "before"),
        limit=streams.PAGE + 1,
    )
    return page(
        request,
        "admin/eventstore/streams.html",
        title=_("Streams"),
        category=category,
        heads=found[: streams.PAGE],
        fresh=liveness.vital(streams.STREAMS),
        has_more=len(found) > streams.PAGE,
    )
