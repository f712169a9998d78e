"""Random histories: the real store and a plain dict answer alike, step by step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from eventstore import store
from eventstore.appends import Append
from eventstore.errors import EventStoreError
from eventstore.events import ANY, NO_STREAM, STREAM_EXISTS, RecordedEvent
from tests.eventstore.contract import Store
from tests.eventstore.plain_store import PlainStore
from tests.factories import metadata, renamed

DAY = datetime(2026, 1, 1, tzinfo=UTC)
STREAMS = [f"user-{number}" for number in range(3)]
streams = strategies.sampled_from(STREAMS)
expectations = strategies.sampled_from([ANY, NO_STREAM, STREAM_EXISTS, 1, 2, 3])
payloads = strategies.lists(strategies.sampled_from("abc"), min_size=0, max_size=3)
days = strategies.integers(0, 3).map(lambda number: DAY + timedelta(days=number))


def seen(events: list[RecordedEvent]) -> list[tuple[Any, ...]]:
    return [
        (event.version, event.event_id, event.payload, event.occurred_at)
        for event in events
    ]


def answer(door: Store, appends: list[Append]) -> object:
    try:
        with transaction.atomic():
            return [(done.stream, done.version) for done in door.append_many(appends)]
    except EventStoreError as error:
        return type(error), vars(error)


class StoreMachine(RuleBasedStateMachine):
    """Does everything to both stores and compares what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.plain = PlainStore()
        self.done: list[list[Append]] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    def _append(self, appends: list[Append]) -> None:
        assert answer(store, appends) == answer(self.plain, appends)
        self.done.append(appends)

    @rule(stream=streams, names=payloads, expected=expectations, occurred=days)
    def append(
        self, stream: str, names: list[str], expected: int, occurred: datetime
    ) -> None:
        self._append([one(stream, names, expected, occurred)])

    @rule(stream=streams, names=payloads, occurred=days)
    def append_at_the_right_version(
        self, stream: str, names: list[str], occurred: datetime
    ) -> None:
        right = len(self.plain.read_stream(stream))
        self._append([one(stream, names, right, occurred)])

    @rule(
        names=strategies.lists(payloads, min_size=2, max_size=2),
        pair=strategies.permutations(STREAMS),
        expected=expectations,
        occurred=days,
    )
    def append_to_two(
        self,
        names: list[list[str]],
        pair: list[str],
        expected: int,
        occurred: datetime,
    ) -> None:
        self._append(
            [
                one(pair[0], names[0], ANY, occurred),
                one(pair[1], names[1], expected, occurred),
            ]
        )

    @rule(data=strategies.data())
    def repeat(self, data: strategies.DataObject) -> None:
        if self.done:
            self._append(data.draw(strategies.sampled_from(self.done)))

    @rule(
        stream=streams,
        first=strategies.integers(1, 4),
        last=strategies.none() | strategies.integers(1, 5),
        as_of=strategies.none() | days,
    )
    def read(
        self, stream: str, first: int, last: int | None, as_of: datetime | None
    ) -> None:
        wanted: dict[str, Any] = {"from_version": first, "to_version": last}
        assert seen(store.read_stream(stream, **wanted, as_of=as_of)) == seen(
            self.plain.read_stream(stream, **wanted, as_of=as_of)
        )

    @rule(stream=streams, place=strategies.integers(0, 5))
    def read_at(self, stream: str, place: int) -> None:
        events = store.read_stream(stream)
        if place < len(events):
            instant = events[place].recorded_at
            assert store.read_stream(stream, at=instant) == [
                event for event in events if event.recorded_at <= instant
            ]

    @invariant()
    def all_streams_are_alike(self) -> None:
        for stream in STREAMS:
            assert seen(store.read_stream(stream)) == seen(
                self.plain.read_stream(stream)
            )


def one(stream: str, names: list[str], expected: int, occurred: datetime) -> Append:
    ids: list[UUID] = [uuid4() for _ in names]
    return Append(
        stream=stream,
        events=[renamed(new=name) for name in names],
        expected_version=expected,
        metadata=metadata(occurred_at=occurred),
        event_ids=ids,
    )


@pytest.mark.django_db
def test_the_real_store_and_a_plain_dict_answer_alike() -> None:
    run_state_machine_as_test(
        StoreMachine,
        settings=settings(max_examples=25, stateful_step_count=20, deadline=None),
    )
