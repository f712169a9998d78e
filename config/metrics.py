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
from eventstore.liveness import Vital
from users.scopes import Scope

PREFIX = "annals_"
Sample = tuple[str, float]  # value of the label "subscription", and the number


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
        """Return *data* as it is; a problem as one line."""
        return data if isinstance(data, str) else f"{data.get('detail', '')}\n"


@extend_schema(exclude=True)
class MetricsView(APIView):
    """Gauges of the log, the subscriptions and the effects."""

    scopes = {"GET": Scope.METRICS_READ}
    renderer_classes = [ExpositionRenderer]

    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Return all of them.  Seven queries."""
        mark = store.watermark()
        lines = [*_of_the_log(mark), *_of_subscriptions(liveness.vitals(mark))]
        return Response("\n".join(lines) + "\n")


def _of_the_log(mark: int) -> Iterator[str]:
    owed = effects.owed()
    yield from _gauge("log_watermark", "Position up to which all is final.", mark)
    yield from _gauge("effects_pending", "Effects still tried.", owed.pending)
    yield from _gauge("effects_failed", "Effects given up.", owed.failed)


def _of_subscriptions(vitals: list[Vital]) -> Iterator[str]:
    now = timezone.now()
    beats = [(v.name, v.beaten_at) for v in vitals]
    ages = [(name, (now - at).total_seconds()) for name, at in beats if at is not None]
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


def _each(vitals: Iterable[Vital], field: str) -> list[Sample]:
    values = [(vital.name, getattr(vital, field)) for vital in vitals]
    return [
        (name, value if isinstance(value, int | float) else float(bool(value)))
        for name, value in values
    ]


def _family(name: str, words: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {words}"
    yield f"# TYPE {PREFIX}{name} gauge"
    for subscription, value in samples:
        yield f'{PREFIX}{name}{{subscription="{subscription}"}} {value:.15g}'


def _gauge(name: str, words: str, value: int) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {words}"
    yield f"# TYPE {PREFIX}{name} gauge"
    yield f"{PREFIX}{name} {value}"
