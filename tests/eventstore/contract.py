"""What any event store must do: a suite that a second implementation can run.

Subclass :class:`StoreContract` and give it a fixture ``store``; test_contract.py does
so for the real store and for a plain dict (tests/eventstore/plain_store.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest

from eventstore.appends import Append, Appended
from eventstore.errors import (
    ConcurrencyError,
    EmptyAppendError,
    EventIdTakenError,
    NoCircumstancesError,
    PayloadError,
    StreamNameError,
    StreamTwiceError,
)
from eventstore.events import ANY, NO_STREAM, STREAM_EXISTS, Metadata, RecordedEvent
from tests.factories import metadata, renamed, user_created

DAY = datetime(2026, 1, 1, tzinfo=UTC)
CREATED = user_created()


class Store(Protocol):
    """The door to a log; ``eventstore.store`` is one."""

    def append(
        self,
        stream: str,
        events: Sequence[object],
        *,
        expected_version: int,
        metadata: Metadata | None = None,
        event_ids: Sequence[UUID] = (),
    ) -> Appended:
        """Append to one stream."""

    def append_many(self, appends: Sequence[Append]) -> list[Appended]:
        """Append to several streams, all or nothing."""

    def read_stream(
        self,
        stream: str,
        *,
        from_version: int = 1,
        to_version: int | None = None,
        at: datetime | None = None,
        as_of: datetime | None = None,
    ) -> list[RecordedEvent]:
        """Read one stream, oldest first."""


def put(
    store: Store, stream: str, *events: object, expected: int = ANY, **more: Any
) -> Appended:
    return store.append(
        stream,
        events or [CREATED],
        expected_version=expected,
        metadata=more.pop("metadata", None) or metadata(),
        **more,
    )


class StoreContract:
    """The promises, one a test; nothing but the three functions is used."""

    def test_numbers_the_events_of_a_stream_from_1(self, store: Store) -> None:
        put(store, "user-1", CREATED, renamed())
        read = store.read_stream("user-1")
        assert [event.version for event in read] == [1, 2]
        assert [event.payload for event in read] == [CREATED, renamed()]

    def test_says_where_the_last_event_stands(self, store: Store) -> None:
        done = put(store, "user-1", CREATED, renamed())
        last = store.read_stream("user-1")[-1]
        assert (done.stream, done.version) == ("user-1", 2)
        assert (done.position, done.recorded_at) == (last.position, last.recorded_at)

    def test_positions_increase_over_all_streams(self, store: Store) -> None:
        positions = [put(store, f"user-{n % 2}").position for n in range(4)]
        assert positions == sorted(set(positions))

    @pytest.mark.parametrize(
        ("stored", "expected"),
        [(0, NO_STREAM), (0, ANY), (2, 2), (2, ANY), (2, STREAM_EXISTS)],
    )
    def test_appends_at_an_expected_version(
        self, store: Store, stored: int, expected: int
    ) -> None:
        if stored:
            put(store, "user-1", *[CREATED] * stored)
        assert put(store, "user-1", expected=expected).version == stored + 1

    @pytest.mark.parametrize(
        ("stored", "expected"),
        [(0, 1), (0, STREAM_EXISTS), (2, NO_STREAM), (2, 1), (2, 3)],
    )
    def test_refuses_another_version_and_says_both(
        self, store: Store, stored: int, expected: int
    ) -> None:
        if stored:
            put(store, "user-1", *[CREATED] * stored)
        with pytest.raises(ConcurrencyError) as refusal:
            put(store, "user-1", expected=expected)
        error = refusal.value
        facts = (error.stream, error.expected, error.actual)
        assert facts == ("user-1", expected, stored)
        assert len(store.read_stream("user-1")) == stored

    def test_many_streams_are_all_or_nothing(self, store: Store) -> None:
        put(store, "user-2")
        wanted = [
            Append(
                stream=name, events=[CREATED], expected_version=0, metadata=metadata()
            )
            for name in ("user-1", "user-2")
        ]
        with pytest.raises(ConcurrencyError) as refusal:
            store.append_many(wanted)
        assert (refusal.value.stream, refusal.value.actual) == ("user-2", 1)
        assert store.read_stream("user-1") == []
        (done,) = store.append_many(wanted[:1])
        assert (done.stream, done.version) == ("user-1", 1)

    def test_repeating_an_append_returns_the_first_result(self, store: Store) -> None:
        ids = [uuid4(), uuid4()]
        events = [CREATED, renamed()]
        first = put(store, "user-1", *events, expected=0, event_ids=ids)
        put(store, "user-1")
        again = put(store, "user-1", *events, expected=0, event_ids=ids)
        assert again == first
        assert len(store.read_stream("user-1")) == 3

    @pytest.mark.parametrize(
        ("stream", "event"), [("user-1", renamed()), ("user-2", CREATED)]
    )
    def test_an_id_is_never_used_for_something_else(
        self, store: Store, stream: str, event: object
    ) -> None:
        taken = uuid4()
        put(store, "user-1", CREATED, event_ids=[taken])
        with pytest.raises(EventIdTakenError) as refusal:
            put(store, stream, event, event_ids=[taken])
        assert refusal.value.event_id == taken
        assert len(store.read_stream(stream)) == (1 if stream == "user-1" else 0)

    def test_keeps_the_circumstances(self, store: Store) -> None:
        told = metadata(causation_id=uuid4(), extra={"reason": "Ä"})
        put(store, "user-1", metadata=told)
        (read,) = store.read_stream("user-1")
        assert (read.actor, read.source) == (told.actor, told.source)
        assert read.correlation_id == told.correlation_id
        assert (read.causation_id, read.metadata) == (told.causation_id, told.extra)
        assert read.occurred_at == read.recorded_at

    def test_reads_a_range_of_versions(self, store: Store) -> None:
        put(store, "user-1", *[CREATED] * 4)
        read = store.read_stream("user-1", from_version=2, to_version=3)
        assert [event.version for event in read] == [2, 3]
        assert store.read_stream("user-2") == []

    def test_reads_as_recorded_and_as_it_was_true(self, store: Store) -> None:
        put(store, "user-1", metadata=metadata(occurred_at=DAY))
        first = store.read_stream("user-1")[0]
        put(store, "user-1", metadata=metadata(occurred_at=DAY + timedelta(days=1)))
        before = first.recorded_at - timedelta(microseconds=1)
        assert store.read_stream("user-1", at=before) == []
        assert store.read_stream("user-1", at=first.recorded_at)[:1] == [first]
        assert store.read_stream("user-1", as_of=DAY) == [first]
        assert store.read_stream("user-1", as_of=DAY - timedelta(seconds=1)) == []

    @pytest.mark.parametrize(
        ("stream", "events", "error"),
        [
            ("user-1", [], EmptyAppendError),
            ("nobody", [CREATED], StreamNameError),
            ("user-1", [user_created(name="\x00")], PayloadError),
            ("user-1", [user_created(name="\ud800")], PayloadError),
        ],
    )
    def test_refuses_what_no_reader_could_trust(
        self, store: Store, stream: str, events: list[object], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            store.append(stream, events, expected_version=ANY, metadata=metadata())
        assert store.read_stream("user-1") == []

    def test_refuses_a_stream_twice_in_one_call(self, store: Store) -> None:
        one = Append(
            stream="user-1", events=[CREATED], expected_version=0, metadata=metadata()
        )
        with pytest.raises(StreamTwiceError):
            store.append_many([one, one])
        assert store.read_stream("user-1") == []

    def test_refuses_to_append_for_nobody(self, store: Store) -> None:
        with pytest.raises(NoCircumstancesError):
            store.append("user-1", [CREATED], expected_version=0)
        assert store.read_stream("user-1") == []
