"""A real collector of traces: an HTTP server that takes what OTLP sends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.receivers import Receiver, receiver


@dataclass(frozen=True, kw_only=True)
class Collector:
    receiver: Receiver

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}"

    def requests(self) -> list[ExportTraceServiceRequest]:
        return [
            ExportTraceServiceRequest.FromString(each.body)
            for each in self.receiver.received
        ]

    def spans(self) -> dict[str, Span]:
        """Return the spans received, by name; of one name the last."""
        return {
            span.name: span
            for request in self.requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


@contextlib.contextmanager
def collector() -> Iterator[Collector]:
    with receiver() as known:
        known.status = 200
        yield Collector(receiver=known)


def attributes(span: Span) -> dict[str, str | int]:
    return {
        each.key: each.value.string_value or each.value.int_value
        for each in span.attributes
    }
