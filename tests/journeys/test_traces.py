"""One command, from the request through its event to what came of it, as traces."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client

from eventstore import store, subscriptions, tracing
from eventstore.errors import ConcurrencyError
from eventstore.tasks import catch_up
from tests.collectors import Collector, attributes, collector
from tests.factories import ADA, api_token, appended, known_user
from tests.journeys.cast import PROJECT
from users.aggregate import USER

pytestmark = pytest.mark.usefixtures("committed_db")
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def traces(settings: LazySettings) -> Iterator[Collector]:
    tracing.stop()
    with collector() as known:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = known.url
        yield known
        tracing.stop()


def create_ada(**headers: str) -> None:
    body = {"id": str(ADA), "name": "Ada Byron", "email": "ada@example.com"}
    client = Client(headers={"Authorization": f"Bearer {api_token()}", **headers})
    answer = client.post("/api/v1/users", body, content_type="application/json")
    assert answer.status_code == 202


def test_a_trace_goes_from_the_request_through_the_event_to_what_it_led_to(
    traces: Collector,
) -> None:
    create_ada(traceparent=f"00-{TRACE}-{CALLER}-01")
    catch_up("directory")
    catch_up("welcome_email")
    tracing.stop()
    spans = traces.spans()
    request, append = spans["POST api/v1/users"], spans["append"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
    assert (append.trace_id, append.parent_span_id) == (
        request.trace_id,
        request.span_id,
    )
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "api/v1/users",
        "http.response.status_code": 202,
    }
    (event,) = store.read_stream(USER.stream(ADA))
    assert event.metadata["trace_id"] == TRACE
    assert event.metadata["span_id"] == append.span_id.hex()
    assert attributes(append)["annals.position"] == event.position
    for name in ("catch up directory", "effect welcome_email"):
        (link,) = spans[name].links
        assert (link.trace_id, link.span_id) == (append.trace_id, append.span_id)
        assert spans[name].trace_id != append.trace_id
    assert attributes(spans["catch up directory"]) == {
        "annals.subscription": "directory",
        "annals.events": 1,
    }


def test_nothing_personal_leaves_with_the_traces(traces: Collector) -> None:
    create_ada()
    for name in ("directory", "history", "welcome_email"):
        catch_up(name)
    Client().get("/admin/users/userview/?q=ada@example.com")
    tracing.stop()
    sent = b"".join(each.body for each in traces.receiver.received)
    assert b"append" in sent
    assert b"ada@example.com" not in sent
    assert b"Byron" not in sent


def test_an_exception_is_told_by_its_class_alone(traces: Collector) -> None:
    appended("user-1")
    with pytest.raises(ConcurrencyError):
        appended("user-1")
    tracing.stop()
    span = traces.spans()["append"]
    assert attributes(span)["error.type"] == "ConcurrencyError"
    assert (span.status.code, span.status.message, len(span.events)) == (2, "", 0)


def test_the_service_has_a_name_and_requests_go_where_otlp_says(
    traces: Collector,
) -> None:
    known_user()
    tracing.stop()
    (sent,) = traces.receiver.received
    assert sent.path == "/v1/traces"
    assert sent.headers["content-type"] == "application/x-protobuf"
    (resource,) = traces.requests()[0].resource_spans
    named = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert named["service.name"] == "annals"


def test_a_batch_links_each_append_once(traces: Collector) -> None:
    for number in range(3):
        appended(f"user-{number}", expected_version=0)
    subscriptions.catch_up(subscriptions.find("snapshots"))
    tracing.stop()
    links = traces.spans()["catch up snapshots"].links
    assert 1 <= len({link.span_id for link in links}) == len(links)


def test_a_collector_that_is_gone_stops_nothing(settings: LazySettings) -> None:
    tracing.stop()
    with collector() as gone:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = gone.url
    create_ada()
    catch_up("directory")
    assert subscriptions.progress(subscriptions.find("directory")).behind == 0
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = ""
    tracing.stop()


def test_without_the_setting_only_a_callers_trace_is_kept(
    settings: LazySettings,
) -> None:
    tracing.stop()
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = ""
    create_ada(traceparent=f"00-{TRACE}-{CALLER}-01")
    (event,) = store.read_stream(USER.stream(ADA))
    assert event.metadata["trace_id"] == TRACE
    assert "span_id" not in event.metadata


def test_without_the_setting_nothing_of_opentelemetry_is_loaded() -> None:
    lines = (
        "import sys, django; django.setup();"
        "import config.urls, config.celery, eventstore.tasks;"
        "from eventstore import tracing;"
        "assert tracing.ids() == {};"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", lines],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert run.stdout == "[]\n"


@pytest.mark.parametrize("given", ["", "nonsense", f"00-{TRACE}-{uuid4().hex}-01"])
def test_a_broken_traceparent_begins_a_trace(traces: Collector, given: str) -> None:
    create_ada(traceparent=given)
    tracing.stop()
    request = traces.spans()["POST api/v1/users"]
    assert request.trace_id.hex() != TRACE
    assert request.parent_span_id == b""
