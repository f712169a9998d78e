"""What Prometheus may ask: how far everything downstream has come, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from eventstore import effects, liveness, store
from eventstore.intake import inbox
from eventstore.liveness import BucketLag, Vital
from projections import drift
from projections.read_models import NAMES
from users.scopes import Scope
from users.sources.salesforce import schedule
from users.sources.salesforce.options import options

PREFIX = "annals_"
Labels = Mapping[str, object]
Sample = tuple[Labels, float]


class ExpositionRenderer(BaseRenderer):
    """The text format 0.0.4 of Prometheus."""

    media_type = "text/plain"
    format = "txt"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> str:
        """Return *data* as it is."""
        return str(data)


@extend_schema(exclude=True)
class MetricsView(APIView):
    """Gauges of the log, the subscriptions, the effects and the runs."""

    scopes = {"GET": Scope.METRICS_READ}
    renderer_classes = [ExpositionRenderer]

    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Return all of them.  Twelve queries, and eight where Salesforce is read."""
        mark = store.watermark()
        lines = [
            *_of_the_log(mark),
            *_of_the_intake(),
            *_of_subscriptions(liveness.vitals(mark)),
            *_of_buckets(liveness.bucket_lags(mark)),
            *_of_drift(),
            *_of_salesforce(),
        ]
        return Response("\n".join(lines) + "\n")


def _of_the_log(mark: int) -> Iterator[str]:
    owed = effects.owed()
    yield from _gauge("log_watermark", "Position up to which all is final.", mark)
    yield from _gauge("effects_pending", "Effects still tried.", owed.pending)
    yield from _gauge("effects_failed", "Effects given up.", owed.failed)


def _of_the_intake() -> Iterator[str]:
    due, stuck = inbox.counts()
    yield from _gauge("records_due", "Raw records to be mapped now.", due)
    yield from _gauge("records_stuck", "Raw records that failed.", stuck)


def _of_subscriptions(vitals: list[Vital]) -> Iterator[str]:
    now = timezone.now()
    beats = [(_labels(v), v.beaten_at) for v in vitals]
    ages = [(whose, (now - at).total_seconds()) for whose, at in beats if at]
    for name, words, samples in (
        ("position", "All at or below is applied.", _each(vitals, "position")),
        ("lag_events", "Positions behind; gaps count.", _each(vitals, "behind")),
        ("lag_seconds", "Age of what waits longest.", _each(vitals, "lag_seconds")),
        ("dead_letters", "Streams set aside.", _each(vitals, "letters")),
        ("stalled", "1: behind, and no worker.", _each(vitals, "is_stalled")),
        ("failing", "1: a bucket is stopped.", _each(vitals, "error")),
        ("paused", "1: an operator paused it.", _each(vitals, "pause")),
        ("changed", "1: other code filled it.", _each(vitals, "is_changed")),
        ("heartbeat_age_seconds", "Since a worker looked.", ages),
    ):
        yield from _family(f"subscription_{name}", words, samples)


def _of_buckets(buckets: list[BucketLag]) -> Iterator[str]:
    labels = [{"subscription": b.subscription, "bucket": b.bucket} for b in buckets]
    for name, words, values in (
        ("lag_events", "Positions behind.", [b.behind for b in buckets]),
        ("lag_seconds", "Age of what waits.", [b.lag_seconds for b in buckets]),
    ):
        samples = zip(labels, values, strict=True)
        yield from _family(f"subscription_bucket_{name}", words, samples)


def _labels(vital: Vital) -> Labels:
    return {"subscription": vital.name}


def _of_drift() -> Iterator[str]:
    known = drift.counts(NAMES)
    samples = [({"subscription": name}, count) for name, count in known.items()]
    yield from _family("drift_users", "Users whose rows differ.", samples)
    last = drift.last_check()
    if last.checked_at is not None:
        age = (timezone.now() - last.checked_at).total_seconds()
        yield from _gauge("drift_check_age_seconds", "Since the detector looked.", age)


def _of_salesforce() -> Iterator[str]:
    if not options().enabled:
        return
    known = schedule.standing()
    for name, words, since in (
        ("success_age_seconds", "Since a run succeeded.", known.last_success),
        ("covered_age_seconds", "Since all was known.", known.watermark),
    ):
        if since is not None:
            age = (timezone.now() - since).total_seconds()
            yield from _gauge(f"salesforce_{name}", words, age)
    if known.most:
        share = known.used / known.most
        words = "Of the org's requests a day, used."
        yield from _gauge("salesforce_api_used_share", words, share)
    for name, words, value in (
        ("stale", "1: no run succeeded of late.", known.is_stale),
        ("failing", "1: the last run failed.", known.is_failing),
        ("runs_held", "Runs that wait for somebody, or the limit.", known.held),
        ("conflicts", "Differences not applied.", known.conflicts),
        ("quarantined", "Records that make no sense.", known.quarantined),
        ("hinted", "Records to be read again.", known.hinted),
    ):
        yield from _gauge(f"salesforce_{name}", words, value)


def _each(vitals: Iterable[Vital], field: str) -> list[Sample]:
    values = [(_labels(vital), getattr(vital, field)) for vital in vitals]
    return [
        (whose, value if isinstance(value, int | float) else float(bool(value)))
        for whose, value in values
    ]


def _family(name: str, words: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {words}"
    yield f"# TYPE {PREFIX}{name} gauge"
    for labels, value in samples:
        inside = ",".join(f'{key}="{word}"' for key, word in labels.items())
        yield f"{PREFIX}{name}{{{inside}}} {value:.15g}"


def _gauge(name: str, words: str, value: float) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {words}"
    yield f"# TYPE {PREFIX}{name} gauge"
    yield f"{PREFIX}{name} {value:.15g}"
