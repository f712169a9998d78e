from __future__ import annotations

import threading
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import connection, transaction

from eventstore import store
from eventstore.appends import Append, Appended
from eventstore.circumstances import acting, current
from eventstore.errors import (
    ConcurrencyError,
    EmptyAppendError,
    EventIdTakenError,
    NoCircumstancesError,
    PayloadError,
    StreamNameError,
    StreamTwiceError,
)
from eventstore.events import ANY, NO_STREAM, STREAM_EXISTS
from eventstore.models import StoredEvent
from tests.factories import appended, metadata, renamed, user_created

ONE_EACH = 8


def to(stream: str, *events: object, expected: int = NO_STREAM) -> Append:
    return Append(
        stream=stream,
        events=events or [user_created()],
        expected_version=expected,
        metadata=metadata(),
    )


@pytest.mark.django_db
def test_appends_to_several_streams_in_the_order_given() -> None:
    appended("user-2")
    first, second = store.append_many(
        [to("user-1", user_created(), renamed()), to("user-2", renamed(), expected=1)]
    )
    ones, twos = store.read_stream("user-1"), store.read_stream("user-2")
    assert [event.version for event in ones + twos] == [1, 2, 1, 2]
    positions = [event.position for event in [*ones, twos[1]]]
    assert positions == sorted(positions)
    assert first == Appended(
        stream="user-1",
        version=2,
        position=ones[1].position,
        recorded_at=ones[1].recorded_at,
    )
    assert (second.version, second.position) == (2, twos[1].position)


@pytest.mark.django_db
def test_each_event_may_have_circumstances_of_its_own() -> None:
    first, second = metadata(actor="client:one"), metadata(actor="client:two")
    append = Append(
        stream="user-1",
        events=[user_created(), renamed()],
        expected_version=NO_STREAM,
        metadata=[first, second],
    )
    store.append_many([append])
    events = store.read_stream("user-1")
    assert [event.actor for event in events] == ["client:one", "client:two"]
    assert [event.correlation_id for event in events] == [
        first.correlation_id,
        second.correlation_id,
    ]
    with pytest.raises(ValueError, match="shorter"):
        store.append_many([replace(append, stream="user-2", metadata=[first])])


@pytest.mark.django_db
def test_one_refused_stream_refuses_them_all() -> None:
    appended("user-2")
    with pytest.raises(ConcurrencyError) as caught, transaction.atomic():
        store.append_many([to("user-1"), to("user-2"), to("user-3")])
    error = caught.value
    assert (error.stream, error.expected, error.actual) == ("user-2", 0, 1)
    assert StoredEvent.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("expected", "on_nothing", "on_one"),
    [(NO_STREAM, 1, None), (STREAM_EXISTS, None, 2), (ANY, 1, 2), (1, None, 2)],
)
def test_each_expected_version_allows_what_it_says(
    expected: int, on_nothing: int | None, on_one: int | None
) -> None:
    appended("user-one")
    for stream, version in (("user-none", on_nothing), ("user-one", on_one)):
        if version is None:
            with pytest.raises(ConcurrencyError), transaction.atomic():
                appended(stream, expected_version=expected)
        else:
            assert appended(stream, expected_version=expected).version == version


@pytest.mark.django_db
def test_says_that_a_stream_should_exist() -> None:
    with pytest.raises(ConcurrencyError) as caught, transaction.atomic():
        appended("user-1", expected_version=STREAM_EXISTS)
    assert str(caught.value) == "user-1 is at version 0, missing, and should exist"


@pytest.mark.django_db
def test_the_same_ids_again_return_the_first_result_and_store_nothing() -> None:
    ids = [uuid4(), uuid4()]
    events = [user_created(), renamed()]

    def call() -> Appended:
        return store.append(
            "user-1", events, expected_version=0, metadata=metadata(), event_ids=ids
        )

    first = call()
    appended("user-1", renamed("Ada King", "Ada"), expected_version=2)
    assert call() == first
    assert StoredEvent.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stream", "name"), [("user-1", "Another"), ("user-2", "Ada Byron")]
)
def test_the_same_id_with_other_content_or_elsewhere_is_refused(
    stream: str, name: str
) -> None:
    event_id = uuid4()
    call = {"expected_version": 0, "metadata": metadata(), "event_ids": [event_id]}
    store.append("user-1", [user_created()], **call)  # type: ignore[arg-type]
    with pytest.raises(EventIdTakenError) as caught:
        store.append(stream, [user_created(name=name)], **call)  # type: ignore[arg-type]
    assert caught.value.event_id == event_id
    assert StoredEvent.objects.count() == 1


@pytest.mark.django_db
def test_one_new_id_beside_a_stored_one_is_refused() -> None:
    stored = uuid4()
    for ids in ([stored], [stored, uuid4()]):
        events = [user_created(), renamed()][: len(ids)]
        call = {"expected_version": 0, "metadata": metadata(), "event_ids": ids}
        if len(ids) == 1:
            store.append("user-1", events, **call)  # type: ignore[arg-type]
        else:
            with pytest.raises(EventIdTakenError):
                store.append("user-1", events, **call)  # type: ignore[arg-type]
    assert StoredEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("appends", "error"),
    [
        ([], EmptyAppendError),
        (
            [to("user-1"), Append(stream="user-2", events=[], expected_version=0)],
            EmptyAppendError,
        ),
        ([to("user-1"), to("user-1", renamed(), expected=1)], StreamTwiceError),
        ([to("")], StreamNameError),
        ([to("user")], StreamNameError),
        ([to("user-")], StreamNameError),
        ([to("User-1")], StreamNameError),
        ([to("user-1 2")], StreamNameError),
        ([to("user-1\x00")], StreamNameError),
        ([to("user-" + "x" * 201)], StreamNameError),
        ([to("user-1", user_created(name="x" * 70_000))], PayloadError),
        (
            [Append(stream="user-1", events=[user_created()], expected_version=0)],
            NoCircumstancesError,
        ),
    ],
)
@pytest.mark.django_db
def test_bad_calls_are_refused_and_store_nothing(
    appends: list[Append], error: type[Exception]
) -> None:
    with pytest.raises(error):
        store.append_many(appends)
    assert not StoredEvent.objects.exists()


@pytest.mark.django_db
def test_whoever_acts_is_found_in_the_context() -> None:
    conversation = uuid4()
    with acting(actor="staff:ada", source="admin", correlation_id=conversation):
        with acting(actor="staff:bob", extra={"reason": "because"}):
            store.append("user-1", [user_created()], expected_version=0)
        assert current().actor == "staff:ada"
    (event,) = store.read_stream("user-1")
    assert (event.actor, event.source) == ("staff:bob", "admin")
    assert event.correlation_id == conversation
    assert event.metadata == {"reason": "because"}
    with pytest.raises(NoCircumstancesError, match="say who is acting"):
        current()


def race(work: object) -> list[object]:
    told: list[object] = []

    def run() -> None:
        try:
            told.append(work())  # type: ignore[operator]
        except (ConcurrencyError, EventIdTakenError) as error:
            told.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(ONE_EACH)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


@pytest.mark.usefixtures("committed_db")
def test_racing_writers_who_take_any_version_all_succeed() -> None:
    told = race(lambda: appended("user-1", expected_version=ANY).version)
    assert sorted(told) == list(range(1, ONE_EACH + 1))  # type: ignore[type-var]


@pytest.mark.usefixtures("committed_db")
def test_racing_repeats_of_one_call_are_one_call() -> None:
    event_id, told_once = uuid4(), metadata()

    def call() -> Appended:
        return store.append(
            "user-1",
            [user_created()],
            expected_version=0,
            metadata=told_once,
            event_ids=[event_id],
        )

    told = race(call)
    assert len(set(told)) == 1
    assert isinstance(told[0], Appended)
    assert StoredEvent.objects.count() == 1
