"""The courier: notes what each endpoint is owed, and brings it, with patience.

A delivery is at least once: an endpoint may see one twice when the worker is killed
after the endpoint took it and before the row says so; ``webhook-id`` tells.  Order is
not promised: a delivery that failed is overtaken.  An endpoint is served by one worker
at a time, and one that fails is left alone for a while, so that a dead one costs an
attempt now and then and not one an event.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import uuid_utils.compat as uuid
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from eventstore import faults, history, store, tracing
from eventstore.circumstances import acting
from eventstore.events import SYSTEM, RecordedEvent
from eventstore.subscriptions import Courier
from eventstore.webhooks import addresses, endpoints, message, sending
from eventstore.webhooks.endpoints import SUBSCRIPTION
from eventstore.webhooks.errors import UnknownDeliveryError, WebhookError
from eventstore.webhooks.models import WebhookDelivery, WebhookEndpoint

logger = logging.getLogger(__name__)

# Seconds after each failed attempt at one delivery: three days in all.
RETRY_SECONDS = (5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
HELD_BACK_SECONDS = 300  # at most, between two attempts at a failing endpoint
GONE = 410
BATCH_SIZE = 1_000  # rows of one deletion

State = WebhookDelivery.State


def note(recorded: Sequence[RecordedEvent]) -> None:
    """Note what of *recorded* is owed to whom; once, however often."""
    news = history.without_imported(recorded)
    now = Now()  # the database's clock: another worker's may be an hour off
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                endpoint=endpoint,
                event_id=event.event_id,
                position=event.position,
                stream=event.stream,
                version=event.version,
                type=event.type,
                next_attempt_at=now,
                created_at=now,
            )
            for endpoint in WebhookEndpoint.objects.all()
            for event in news
            if _wants(endpoint, event)
        ],
        ignore_conflicts=True,
    )


def bring_due(seconds: float) -> bool:
    """Attempt the deliveries that are due; return False if time ran out first."""
    end = time.monotonic() + seconds
    while _bring_next():
        if time.monotonic() > end:
            return False
    return True


def is_due() -> bool:
    """Return whether a delivery is due.  One query, which locks nothing."""
    return _endpoints_due().exists()


def redeliver(name: str, event_id: UUID) -> None:
    """Bring one event again, whatever became of it.

    Raises:
        UnknownDeliveryError: The endpoint was never owed it.
        UnknownEndpointError: There is none of this name.
    """
    with transaction.atomic():
        endpoint = endpoints.locked(name)
        if not _again(endpoint, Q(event_id=event_id)):
            raise UnknownDeliveryError
        endpoints.ordered(endpoint, f"event {event_id}")


def redeliver_failed(name: str, *, since: datetime) -> int:
    """Bring again all that failed and was owed since an instant; return how many.

    Raises:
        UnknownEndpointError: There is none of this name.
    """
    with transaction.atomic():
        endpoint = endpoints.locked(name)
        failed = Q(state=State.FAILED, created_at__gte=since)
        if count := _again(endpoint, failed):
            endpoints.ordered(endpoint, f"{count} failed since {since.isoformat()}")
    return count


def deliveries(
    name: str, *, state: str = "", limit: int = 100
) -> list[WebhookDelivery]:
    """Return the newest deliveries of an endpoint, newest first.

    Raises:
        UnknownEndpointError: There is none of this name.
    """
    found = WebhookDelivery.objects.filter(endpoint=endpoints.named(name))
    if state:
        found = found.filter(state=state)
    return list(found.order_by("-position")[:limit])


def owed() -> dict[int, dict[str, int]]:
    """Return, by endpoint, how many deliveries are pending and failed.  One query."""
    found = WebhookDelivery.objects.values("endpoint_id").annotate(
        pending=Count("id", filter=Q(state=State.PENDING)),
        failed=Count("id", filter=Q(state=State.FAILED)),
        done=Count("id", filter=Q(state=State.DONE)),
    )
    return {
        row["endpoint_id"]: {each: row[each] for each in ("pending", "failed", "done")}
        for row in found
    }


def prune() -> int:
    """Forget what ended ``WEBHOOK_DELIVERIES_DAYS`` ago; return how much.

    The subscription is far beyond these events, so none of them is noted again.
    """
    days: int = settings.WEBHOOK_DELIVERIES_DAYS
    old = WebhookDelivery.objects.filter(
        finished_at__lte=timezone.now() - timedelta(days=days)
    )
    total = 0
    while ids := list(old.values_list("pk", flat=True)[:BATCH_SIZE]):
        total += WebhookDelivery.objects.filter(pk__in=ids).delete()[0]
    return total


def _wants(endpoint: WebhookEndpoint, event: RecordedEvent) -> bool:
    return event.position > endpoint.starts_after and (
        not endpoint.types or event.type in endpoint.types
    )


def _again(endpoint: WebhookEndpoint, which: Q) -> int:
    found = WebhookDelivery.objects.filter(which, endpoint=endpoint)
    count: int = found.update(
        state=State.PENDING,
        attempts=0,
        next_attempt_at=Now(),
        finished_at=None,
    )
    return count


def _bring_next() -> bool:
    with transaction.atomic():
        # Whoever waited longest is served first.
        waiting = _endpoints_due().order_by("next_attempt_at", "pk")
        # Not its key: what is noted for it meanwhile only refers to that.
        mine = waiting.select_for_update(skip_locked=True, no_key=True)
        endpoint = mine.first()
        if endpoint is None:
            return False
        delivery = _due().filter(endpoint=endpoint).first()
        if delivery is None:
            return False  # another worker brought it while we chose
        _attempt(endpoint, delivery)
        delivery.save()
        endpoint.save()
        return True


def _endpoints_due() -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(
        Exists(_due().filter(endpoint=OuterRef("pk"))),
        state=WebhookEndpoint.State.ACTIVE,
        next_attempt_at__lte=Now(),
    )


def _due() -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(
        state=State.PENDING, next_attempt_at__lte=Now()
    ).order_by("position")


def _attempt(endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> None:
    delivery.attempts += 1
    delivery.status = None
    try:
        with transaction.atomic():
            delivery.status = _send(endpoint, delivery)
    except WebhookError as error:
        delivery.error = str(error)
    # Whatever is wrong with one endpoint, the others are served.
    except Exception as error:
        if faults.is_lost_connection(error):
            raise
        # Its message may quote a person; the class and the place never do.
        delivery.error = f"It could not be made ready ({faults.described(error)})."
    else:
        is_taken = 200 <= delivery.status < 300  # noqa: PLR2004 - as RFC 9110 says
        delivery.error = "" if is_taken else f"It answered {delivery.status}."
    now = timezone.now()
    if not delivery.error:
        delivery.state, delivery.finished_at = State.DONE, now
        endpoint.failures, endpoint.failing_since = 0, None
        endpoint.next_attempt_at = Now()
    else:
        _postpone(endpoint, delivery, now)


def _send(endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> int:
    (event,) = store.read_stream(
        delivery.stream, from_version=delivery.version, to_version=delivery.version
    )
    content = message.body(event, personal=endpoint.personal)
    now = timezone.now()
    keys = endpoints.keys(endpoint, now=now)
    told = message.headers(str(event.event_id), content, keys, at=int(now.timestamp()))
    about = {"annals.stream": event.stream, "annals.attempts": delivery.attempts}
    with tracing.span("webhook", about, events=[event]):
        # Judged at every attempt: a name may have come to mean another machine.
        return sending.post(addresses.target(endpoint.url), told, content)


def _postpone(
    endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime
) -> None:
    if delivery.attempts > len(RETRY_SECONDS):
        delivery.state, delivery.finished_at = State.FAILED, now
    else:
        wait = RETRY_SECONDS[delivery.attempts - 1]
        delivery.next_attempt_at = Now() + timedelta(seconds=wait)
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    wait = min(2**endpoint.failures, HELD_BACK_SECONDS)
    endpoint.next_attempt_at = Now() + timedelta(seconds=wait)
    fields = {
        "endpoint": endpoint.pk,
        "position": delivery.position,
        "attempts": delivery.attempts,
        "status": delivery.status or 0,
    }
    logger.warning("webhook not delivered", extra=fields)
    patience = timedelta(days=settings.WEBHOOK_PATIENCE_DAYS)
    if delivery.status == GONE:
        _give_up(endpoint, delivery, "It answered 410: gone for good.")
    elif now - endpoint.failing_since >= patience:
        days = settings.WEBHOOK_PATIENCE_DAYS
        _give_up(endpoint, delivery, f"Every attempt failed for {days} days.")


def _give_up(endpoint: WebhookEndpoint, delivery: WebhookDelivery, reason: str) -> None:
    with acting(
        actor=f"reactor:{SUBSCRIPTION}",
        source=SYSTEM,
        correlation_id=uuid.uuid7(),
        causation_id=delivery.event_id,
    ):
        endpoints.disable(endpoint, reason)


WEBHOOKS = Courier(name=SUBSCRIPTION, note=note, bring_due=bring_due, is_due=is_due)
