"""Spans for a collector of OpenTelemetry; nothing at all unless one is named.

``eventstore.spans`` does the work.  It is loaded when ``OTEL_EXPORTER_OTLP_ENDPOINT``
is set, and the OpenTelemetry packages with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from django.conf import settings

from eventstore.events import RecordedEvent

logger = logging.getLogger(__name__)

TRACE_ID, SPAN_ID = "trace_id", "span_id"  # of the append, in an event's metadata
Attributes = Mapping[str, Any]  # texts and numbers
Tell = Callable[[Attributes], None]


class Tracer(Protocol):
    """What ``eventstore.spans`` offers."""

    def open(
        self,
        name: str,
        attributes: Attributes,
        *,
        parent: str,
        causes: Iterable[Mapping[str, Any]],
    ) -> AbstractContextManager[Tell]:
        """Open a span until the block ends."""

    def ids(self) -> dict[str, str]:
        """Return the ids of the span that is open, if one is."""

    def stop(self) -> None:
        """Send what waits, and nothing any more."""


def span(
    name: str,
    attributes: Attributes,
    *,
    parent: str = "",
    events: Iterable[RecordedEvent] = (),
) -> AbstractContextManager[Tell]:
    """Open a span until the block ends; yields what tells it more attributes.

    An exception that leaves the block marks it as an error, by its class alone.
    Neither names nor attributes may hold personal data.

    Args:
        name: Of a small set: it groups spans.
        attributes: What is known at the beginning.
        parent: A ``traceparent`` of another system; empty for the span around.
        events: What it handles: linked to the spans that appended them.
    """
    tracer = _tracer()
    if tracer is None:
        return nullcontext(_say_nothing)
    causes = (event.metadata for event in events)
    return tracer.open(name, attributes, parent=parent, causes=causes)


def ids() -> dict[str, str]:
    """Return the ids of the open span, as an event's metadata keeps them."""
    tracer = _tracer()
    return {} if tracer is None else tracer.ids()


def stop() -> None:
    """Send what waits; the next span starts anew, by the settings of then."""
    tracer = _tracer()
    _tracer.cache_clear()
    if tracer is not None:
        tracer.stop()


@cache
def _tracer() -> Tracer | None:
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
    if not endpoint:
        return None
    try:
        spans = import_module("eventstore.spans")
    except ImportError:
        # Whoever looks is no reason for the work to stop.
        logger.exception("tracing is off: install annals[tracing]")
        return None
    tracer: Tracer = spans.Exporting(endpoint)
    return tracer


def _say_nothing(attributes: Attributes) -> None:
    del attributes
