"""The intake's wiring: who understands what, and how much may be sent."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from eventstore.intake import door
from eventstore.intake.registry import Mapper
from users import limits
from users.addresses import client_address
from users.limits import Limit
from users.sources.people import PEOPLE
from users.sources.salesforce.hints import HINTS

WINDOW_SECONDS = 60

MAPPERS: tuple[Mapper, ...] = (
    PEOPLE,  # a plain list of people
    HINTS,  # outbound messages of Salesforce: which records to read
)


@csrf_exempt
def ingest(request: HttpRequest, source: str) -> HttpResponse:
    """Take a delivery in; nobody logs in here, the signature says who it is."""
    return door.receive(request, source, spend=_spend)


def _spend(request: HttpRequest, source: str) -> int:
    limit = Limit(name="ingest", most=settings.INGEST_A_MINUTE, seconds=WINDOW_SECONDS)
    usage = limits.spend(limit, f"{source} {client_address(request)}")
    # Where QuotaMiddleware looks.
    request.usage = usage  # type: ignore[attr-defined]
    return usage.resets_in if usage is not None and usage.is_over else 0
