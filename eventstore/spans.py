"""Spans made by the OpenTelemetry SDK, sent by OTLP over HTTP by a thread of its own.

Loaded by ``eventstore.tracing`` alone.  All else about it (headers, sampling, limits,
the service's name) is told by OpenTelemetry's own environment variables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

MOST_LINKS = 128  # of a span: as many as the SDK keeps
NAME = "OTEL_SERVICE_NAME"
SERVER = "http.request.method"  # an attribute that requests have
ROUTE = "http.route"  # and that names them


class Exporting:
    """A tracer whose spans go to a collector."""

    def __init__(self, endpoint: str) -> None:
        named = {} if NAME in os.environ else {"service.name": "annals"}
        self._provider = TracerProvider(resource=Resource.create(named))
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("annals")

    @contextmanager
    def open(
        self,
        name: str,
        attributes: Mapping[str, Any],
        *,
        parent: str,
        causes: Iterable[Mapping[str, Any]],
    ) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Open a span until the block ends; see ``tracing.span``."""
        context = (
            TraceContextTextMapPropagator().extract({"traceparent": parent})
            if parent
            else None
        )
        with self._tracer.start_as_current_span(
            name,
            context=context,
            kind=SpanKind.SERVER if SERVER in attributes else SpanKind.INTERNAL,
            attributes=dict(attributes),
            links=list(islice(_links(causes), MOST_LINKS)),
            # What an exception says may quote a person's data.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            def tell(more: Mapping[str, Any]) -> None:
                span.set_attributes(dict(more))
                if ROUTE in more:
                    span.update_name(f"{name} {more[ROUTE]}")

            try:
                yield tell
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise

    def ids(self) -> dict[str, str]:
        """Return the ids of the span that is open, if one is."""
        known = get_current_span().get_span_context()
        if not known.is_valid:
            return {}
        return {
            "trace_id": f"{known.trace_id:032x}",
            "span_id": f"{known.span_id:016x}",
        }

    def stop(self) -> None:
        """Send what waits, and nothing any more."""
        self._provider.shutdown()


def _links(causes: Iterable[Mapping[str, Any]]) -> Iterator[Link]:
    seen = set()
    for cause in causes:
        # What was appended while nobody traced has a caller's trace at most.
        place = (cause.get("trace_id"), cause.get("span_id"))
        if all(place) and place not in seen:
            seen.add(place)
            yield Link(
                SpanContext(
                    trace_id=int(str(place[0]), 16),
                    span_id=int(str(place[1]), 16),
                    is_remote=True,
                    trace_flags=TraceFlags(TraceFlags.SAMPLED),
                )
            )
