"""The live tail of the event browser: how many events came since the page was made.

The page asks; it shows them when somebody clicks.  So no row moves under a pointer.
"""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils.translation import ngettext

from eventstore import browser
from eventstore.admin.pages import number
from eventstore.searching import EventFilter

MOST = 200  # events that are counted; who has so many looks at the page anew


def is_asked(request: HttpRequest) -> bool:
    """Return whether a page asks for its news."""
    return request.GET.get("tail") == "1"


def is_by_itself(request: HttpRequest) -> bool:
    """Return whether a page asks, for its news or to show itself as it is now.

    Then nobody needs to be there: it keeps no session from ending.
    """
    return is_asked(request) or request.headers.get("X-Asked-By") == "page"


def news(request: HttpRequest, matching: EventFilter) -> JsonResponse:
    """Return how many events came above ``?after=``, beside those ``waiting`` already.

    Never above the watermark: who asks again above the answer's ``after`` misses none
    (ADR-0004).
    """
    waiting = min(number(request, "waiting") or 0, MOST)
    found = browser.following(
        matching, after=number(request, "after") or 0, limit=MOST + 1 - waiting
    )
    count = min(waiting + len(found.events), MOST)
    is_more = waiting + len(found.events) > MOST
    said = ngettext("{count} new event", "{count} new events", count)
    if is_more:
        said = ngettext(
            "more than {count} new event", "more than {count} new events", count
        )
    return JsonResponse(
        {
            "after": found.reached,
            "count": count,
            "said": said.format(count=count) if count else "",
            "is_more": is_more,
        },
        headers={"Cache-Control": "no-store"},
    )
