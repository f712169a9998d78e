from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from eventstore import effects, store
from eventstore.admin import steps
from eventstore.admin.conversation import MAX_EVENTS
from eventstore.conversations import Node
from eventstore.models import Effect
from tests.backoffice import regions, superuser, text
from tests.factories import NOON, appended, recorded, user_created

TALK = UUID("00000000-0000-4000-8000-0000000000c0")
URL = f"/admin/c/{TALK}"
COMMAND, SECOND = uuid4(), uuid4()

stored = pytest.mark.usefixtures("committed_db")


def said(stream: str, cause: UUID, **extra: str) -> UUID:
    appended(stream, correlation_id=TALK, causation_id=cause, extra=extra)
    return store.read_stream(stream)[0].event_id


def a_conversation() -> None:
    first = said("user-1", COMMAND, command="CreateUser")
    said("order-1", first, command="PlaceOrder")
    said("user-2", SECOND, command="CreateUser")
    effects.note("welcome_email", store.read_stream("user-1"))
    Effect.objects.update(state="failed", error="SMTPError", attempts=8)


@stored
def test_tells_commands_events_what_they_caused_and_effects_as_a_tree() -> None:
    a_conversation()
    response = superuser().get(URL)
    lines = [
        (step.depth, step.inside, len(step.closes))
        for step in response.context["steps"]
    ]
    # command, its event, the effect, the event caused; command, its event
    assert lines == [(0, 3, 0), (1, 2, 0), (2, 0, 0), (2, 0, 2), (0, 1, 0), (1, 0, 1)]
    tree = text(response, "tree") or ""
    assert tree.startswith("CreateUser command from REST client tests via REST API")
    assert "Failed effect of welcome_email: SMTPError" in tree
    assert "8 attempts" in tree
    assert "through PlaceOrder · " in tree
    assert "after its cause · order-1 v1" in tree
    header = text(response, "conversation-header") or ""
    assert f"{TALK} Copy 3 events in 3 streams, within" in header


@stored
def test_tells_the_same_as_a_table_and_by_stream() -> None:
    a_conversation()
    client = superuser()
    table = text(client.get(URL, {"view": "table"}), "steps-table") or ""
    assert [f" #{each} " in table for each in (1, 2, 3, 4)] == [True] * 3 + [False]
    lanes = text(client.get(URL, {"view": "lanes"}), "lanes") or ""
    assert lanes.count("UserCreated") == 3
    assert "user-1 order-1 user-2 +0 ms" in lanes


@stored
@pytest.mark.parametrize(("streams", "lanes"), [(1, []), (6, ["By stream"]), (7, [])])
def test_streams_stand_beside_each_other_when_they_fit(
    streams: int, lanes: list[str]
) -> None:
    for number in range(streams):
        said(f"user-{number}", COMMAND)
    response = superuser().get(URL, {"view": "lanes"})
    assert regions(response, "view-lanes") == lanes


@stored
def test_a_long_one_is_cut_and_says_where_the_rest_is() -> None:
    events = [user_created() for _ in range(MAX_EVENTS + 1)]
    appended("user-1", *events, correlation_id=TALK, causation_id=COMMAND)
    client = superuser()
    response = client.get(URL)
    assert text(response, "cut") == (
        "Only the first 500 events are shown. All of them, in the event browser"
    )
    assert response.content.count(b'<li class="step">') == 501


@stored
def test_needs_six_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    a_conversation()
    client = superuser()
    with django_assert_max_num_queries(6):
        client.get(URL)


@stored
def test_one_that_nobody_had_is_a_page_that_says_so() -> None:
    response = superuser().get(URL)
    assert response.status_code == 404
    message = f"No event has the correlation id {TALK}. Go to the dashboard"
    assert text(response, "not-found") == message


@st.composite
def trees(draw: st.DrawFn) -> list[Node]:
    """Nodes in the order of a tree: each at most one deeper than the one before."""
    nodes: list[Node] = []
    for position in range(1, draw(st.integers(1, 40)) + 1):
        deepest = nodes[-1].depth + 1 if nodes else 0
        depth = draw(st.integers(0, deepest))
        above = [node for node in nodes if node.depth == depth - 1]
        changes: dict[str, Any] = {"position": position, "causation_id": None}
        if depth == 0:
            changes["causation_id"] = draw(st.sampled_from([None, COMMAND, SECOND]))
        nodes.append(
            Node(
                event=recorded(user_created(), **changes),
                depth=depth,
                cause=above[-1].event.position if above else None,
            )
        )
    return nodes


@given(nodes=trees())
def test_the_lists_always_open_and_close_in_step(nodes: list[Node]) -> None:
    lines = steps.of_conversation(nodes, [], NOON)
    shown = [line.event.position for line in lines if line.event]
    assert sorted(shown) == [node.event.position for node in nodes]
    is_open = 0
    for line, following in pairwise([*lines, None]):
        assert line is not None
        assert line.depth == is_open
        is_open += bool(line.inside) - len(line.closes)
        assert is_open == (following.depth if following else 0)


@given(nodes=trees())
def test_what_an_event_led_to_is_what_lies_below_it(nodes: list[Node]) -> None:
    for node in nodes:
        found = steps.below(node.event.position, nodes)
        led_to = {node.event.position}
        for each in nodes:
            if each.cause in led_to:
                led_to.add(each.event.position)
        shown = {line.event.position for line in found if line.event}
        assert shown == led_to - {node.event.position}
