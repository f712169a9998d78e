from __future__ import annotations

import io
import json
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from eventstore import doorbell, integrity, roles, store
from eventstore.appends import Append
from eventstore.archive import forms, importing
from eventstore.archive.exporting import export_events
from eventstore.archive.importing import Imported, import_events
from eventstore.archive.rows import scan
from eventstore.errors import ImportRefusedError
from eventstore.models import ImportedRange, StoredEvent
from tests.databases import acting_as, cloned, restore_vault, vault
from tests.factories import appended, metadata, renamed, user_created
from users.events import UserCreated

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")

PAST = datetime(2020, 2, 29, 23, 59, 59, 5, tzinfo=UTC)
TAIL = {"lines": 1, "stored": 1, "skipped": 0}


def a_varied_log(users: int) -> None:
    """Append five events to each of *users* streams, none of them plain."""
    for start in range(0, users, 100):
        store.append_many([_life(number) for number in range(start, start + 100)])


def _life(number: int) -> Append:
    name = unicodedata.normalize("NFC", f'Zoë "Ω" \\ \u2028 \U0001f600 {number}')
    created = user_created(name=name, email=f"zoë{number}@example.com")
    told = metadata(
        actor="staff:zoë",
        causation_id=uuid4() if number % 2 else None,
        occurred_at=PAST if number % 3 else None,
        extra={"reason": "ä\n\t\x1f", "nested": {"list": [1, None, True, "é"]}},
    )
    return Append(
        stream=f'user-ü"{number}',
        events=[created, *(renamed(new=f"Ada {index}") for index in range(4))],
        expected_version=0,
        metadata=told,
    )


def exported(form: str = forms.NDJSON, **bounds: Any) -> list[bytes]:
    output = io.BytesIO()
    export_events(output, form=form, **bounds)
    return output.getvalue().splitlines(keepends=True)


def everything() -> list[tuple[Any, ...]]:
    """Return all columns of all events but the position, in order of position."""
    rows = scan(first=1, until=store.watermark())
    return [row[1:] for batch in rows for row in batch]


def line(**changes: Any) -> bytes:
    told = {
        "stream": "user-1",
        "version": 1,
        "event_id": str(uuid4()),
        "type": "UserCreated",
        "schema_version": 1,
        "data": {"name": "Ada", "email": "ada@example.com"},
        "actor": "staff:ada",
        "source": "rest",
        "correlation_id": str(uuid4()),
        "recorded_at": "2020-02-29T23:59:59.000005Z",
    }
    return orjson.dumps(told | changes) + b"\n"


def changed(raw: bytes, **changes: Any) -> bytes:
    return orjson.dumps(orjson.loads(raw) | changes) + b"\n"


@pytest.mark.parametrize("form", [forms.NDJSON, forms.CLOUDEVENTS])
def test_a_round_trip_into_an_empty_store_gives_equal_leaves(form: str) -> None:
    a_varied_log(1_000)
    before, lines, keys = everything(), exported(form), vault()
    assert len(lines) == 5_000
    with cloned(), acting_as(roles.OWNER):
        restore_vault(keys)
        assert import_events(lines) == Imported(lines=5_000, stored=5_000, skipped=0)
        assert everything() == before
        assert exported(form) == lines


def test_an_export_keeps_to_its_range_and_ascends() -> None:
    done = [appended(f"user-{number}") for number in range(5)]
    lines = exported(first=done[1].position, last=done[3].position)
    told = [orjson.loads(each) for each in lines]
    assert [each["position"] for each in told] == [d.position for d in done[1:4]]
    assert exported(first=done[4].position + 1) == []


def test_a_cloudevent_has_the_attributes_of_the_standard() -> None:
    appended("user-1", occurred_at=PAST, extra={"reason": "ü"})
    (event,) = store.read_stream("user-1")
    told = orjson.loads(exported(forms.CLOUDEVENTS)[0])
    row = StoredEvent.objects.get()
    assert told == {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": "urn:annals:source:rest",
        "type": "UserCreated",
        "subject": "user-1",
        "time": "2020-02-29T23:59:59.000005Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:annals:event:UserCreated:1",
        "data": row.data,
        "sequence": str(event.position),
        "streamversion": 1,
        "actor": "client:tests",
        "correlationid": str(event.correlation_id),
        "recordedat": event.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "eventmetadata": '{"reason":"ü"}',
        "salt": bytes(row.salt).hex(),
        "leaf": bytes(row.leaf).hex(),
    }


def test_appends_behind_what_the_store_has() -> None:
    here = appended("user-here")
    import_events([line(), line(stream="user-2")])
    read = [store.read_stream(name)[0] for name in ("user-1", "user-2")]
    assert [event.position for event in read] == [here.position + 1, here.position + 2]
    assert read[0].recorded_at == read[0].occurred_at == PAST
    assert read[0].payload == UserCreated(name="Ada", email="ada@example.com")
    appended("user-1", renamed(), expected_version=1)


def test_continues_a_stream_that_the_store_has() -> None:
    head = appended("user-1")
    later = (head.recorded_at + timedelta(microseconds=1)).isoformat()
    done = import_events([line(version=2, recorded_at=later)])
    assert done == Imported(**TAIL)
    assert [event.version for event in store.read_stream("user-1")] == [1, 2]


def test_rings_the_doorbell_and_marks_history(monkeypatch: pytest.MonkeyPatch) -> None:
    appended("user-live")
    monkeypatch.setattr(importing, "BATCH_SIZE", 2)
    rung = doorbell.doorbell.rung
    import_events([line(stream=f"user-{number}") for number in range(3)])
    assert doorbell.doorbell.wait_until_quiet(5)
    assert doorbell.doorbell.rung > rung
    marks = ImportedRange.objects.order_by("first_position")
    assert list(marks.values_list("first_position", "last_position")) == [
        (2, 3),
        (4, 4),
    ]


def test_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_SIZE", 2)
    lines = [line(stream=f"user-{number}") for number in range(5)]
    lines = [changed(each, salt="00" * 16) for each in lines]
    with pytest.raises(ImportRefusedError, match="line 4: "):
        import_events([*lines[:3], b"{}\n"])
    assert StoredEvent.objects.count() == 2
    assert import_events(lines) == Imported(lines=5, stored=3, skipped=2)
    assert import_events(lines) == Imported(lines=5, stored=0, skipped=5)
    assert ImportedRange.objects.count() == 3


SAME = str(uuid4())
LONG_AGO = "0001-01-01T00:00:00+14:00"
REFUSED = [
    ({"version": 2}, "user-1 is at version 0, so version 1 comes next and not 2"),
    ({"version": 0}, "version is not a whole number from 1"),
    ({"version": True}, "Expected `int`, got `bool` - at `$.version`"),
    ({"version": 2**60}, "$.version: integers stay under 2^53"),
    ({"schema_version": 2**31}, "schema_version is not a whole number from 1"),
    ({"type": "Odd"}, "type 'Odd' is unknown; deploy the code that knows it"),
    ({"schema_version": 9}, "UserCreated has no schema version 9"),
    ({"data": {"name": "Ada"}}, "data does not have the shape of UserCreated"),
    ({"data": {"n": 1.5}}, "$.n: float is not storable; use a string"),
    ({"data": {"n": "a\x00"}}, "$.n: NUL characters cannot be stored"),
    ({"data": {"n": "x" * 65_536}}, "longer than 65536 bytes"),
    ({"data": []}, "Expected `object`, got `array` - at `$.data`"),
    ({"metadata": {"A": 1}}, "key 'A' is not [a-z][a-z0-9_]*"),
    ({"actor": "e\u0301"}, "text is not in Unicode normal form C"),
    ({"source": "a\x00"}, "NUL characters cannot be stored"),
    ({"stream": "nobody"}, "'nobody' is no stream name: use <category>-<id>"),
    ({"event_id": "1"}, "Invalid UUID - at `$.event_id`"),
    ({"recorded_at": "yesterday"}, "recorded_at is no RFC 3339 instant"),
    ({"recorded_at": "2020-02-30T00:00:00Z"}, "recorded_at is no RFC 3339 instant"),
    ({"recorded_at": "2020-02-03T00:00:00"}, "recorded_at is no RFC 3339 instant"),
    ({"occurred_at": "2020-02-03T00:00:00.0000001Z"}, "occurred_at is no RFC 3339"),
    ({"recorded_at": LONG_AGO}, "recorded_at is no RFC 3339 instant"),
    ({"recorded_at": "9999-01-01T00:00:00Z"}, "recorded_at lies in the future"),
    ({"salt": "00"}, "salt is not 16 bytes in hexadecimal"),
    ({"salt": "00" * 16, "leaf": "zz"}, "leaf is not 32 bytes in hexadecimal"),
    ({"leaf": "00" * 32}, "a leaf without its salt cannot be verified"),
    ({"salt": "00" * 16, "leaf": "00" * 32}, "the leaf is not the one of this event"),
    ({"surname": "King"}, "Object contains unknown field `surname`"),
    ({"specversion": "1.0"}, "Object contains unknown field"),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_refuses_what_append_would_refuse_and_stores_nothing(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ImportRefusedError) as caught:
        import_events([line(stream="user-good"), line(**changes)])
    assert caught.value.line == 2
    assert reason in caught.value.reason
    assert (StoredEvent.objects.count(), ImportedRange.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{\n", "unexpected end of data"),
        (b"\xff\n", "str is not valid UTF-8"),
        (b'{"a": "\\ud800"}\n', "surrogate"),
        (b"NaN\n", "unexpected character"),
        (b"[]\n", "Expected `object`, got `array`"),
        (b'{"stream": "user-1", "ver', "the file is cut off here"),
        (b"[" + b" " * 1_048_576, "longer than 1048576 bytes"),
    ],
)
def test_refuses_what_is_no_event_at_all(raw: bytes, reason: str) -> None:
    with pytest.raises(ImportRefusedError) as caught:
        import_events([line(), raw])
    assert caught.value.line == 2
    assert reason in caught.value.reason
    assert StoredEvent.objects.count() == 0


def test_refuses_an_id_that_is_another_event() -> None:
    first = line(event_id=SAME)
    import_events([first])
    for other in (line(event_id=SAME), line(event_id=SAME, stream="user-2")):
        with pytest.raises(ImportRefusedError, match=f"{SAME} is taken by another"):
            import_events([other])
    twin = str(uuid4())
    twins = [line(event_id=twin, stream=name) for name in ("user-3", "user-4")]
    with pytest.raises(ImportRefusedError, match=rf"line 2: .*{twin} is taken"):
        import_events(twins)
    assert StoredEvent.objects.count() == 1


def test_refuses_a_stream_whose_time_runs_backwards() -> None:
    early, late = "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"
    with pytest.raises(ImportRefusedError, match="line 2: recorded_at lies before"):
        import_events([line(recorded_at=late), line(version=2, recorded_at=early)])
    appended("user-1")
    with pytest.raises(ImportRefusedError, match="before that of user-1 version 1"):
        import_events([line(version=2)])
    assert StoredEvent.objects.count() == 1


def test_takes_unknown_events_where_told_to() -> None:
    import_events([line(type="Odd", data={"n": 1})], allow_unknown=True)
    (event,) = store.read_stream("user-1")
    assert (event.type, event.data) == ("Odd", {"n": 1})


ODD = 'a\tb\nc\rd\\e\\.\\N"{},é\x7f'


def test_no_text_is_special_on_its_way_through_copy() -> None:
    told = {"actor": ODD, "source": ODD, "type": ODD, "stream": 'user-\\N"\\t,{}'}
    first = line(**told, data={"n": ODD}, metadata={"n": ODD})
    later = line(**told, version=2, causation_id=SAME)
    import_events([first], allow_unknown=True)
    import_events([later], allow_unknown=True)
    read = store.read_stream(told["stream"])
    assert [(e.actor, e.source, e.type) for e in read] == [(ODD, ODD, ODD)] * 2
    assert (read[0].data, read[0].metadata) == ({"n": ODD}, {"n": ODD})
    assert [e.causation_id for e in read] == [None, UUID(SAME)]
    assert integrity.verify().difference is None


def test_a_refused_line_stops_no_earlier_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_SIZE", 3)
    monkeypatch.setattr(importing, "CHUNK_SIZE", 1)
    lines = [line(stream=f"user-{number}", salt="00" * 16) for number in range(6)]
    seen: list[Imported] = []
    with pytest.raises(ImportRefusedError, match="line 5: "):
        import_events([*lines[:4], b"{}\n", *lines[4:]], on_batch=seen.append)
    assert seen == [Imported(lines=3, stored=3, skipped=0)]
    assert StoredEvent.objects.count() == 3
    done = import_events([*lines[:2], b"\n", b" \n", b"\n", b"\n", *lines[2:]])
    assert (done.lines, done.stored + done.skipped) == (10, 6)


def test_a_changed_cloudevent_is_refused() -> None:
    appended("user-1")
    (raw,) = exported(forms.CLOUDEVENTS)
    for changes, reason in [
        ({"source": "https://example.com"}, "source is not urn:annals:source:"),
        ({"dataschema": "urn:annals:event:UserCreated:x"}, "or dataschema not"),
        ({"specversion": "0.3"}, "specversion is not 1.0"),
        ({"type": "Odd"}, "dataschema names another type"),
        ({"eventmetadata": "[]"}, "metadata"),
        ({"eventmetadata": '{"a":1}'}, "the leaf is not the one of this event"),
        ({"actor": "staff:eve"}, "the leaf is not the one of this event"),
    ]:
        with (
            cloned(),
            acting_as(roles.OWNER),
            pytest.raises(ImportRefusedError, match=reason),
        ):
            import_events([changed(raw, **changes)])


def test_the_commands_make_the_round_trip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    appended("user-1", user_created(), renamed())
    file = tmp_path / "events.ndjson"
    call_command("export_events", output=str(file))
    assert [path.name for path in tmp_path.iterdir()] == ["events.ndjson"]
    before, keys = everything(), vault()
    with cloned(), acting_as(roles.OWNER):
        restore_vault(keys)
        call_command("import_events", str(file))
        assert everything() == before
        told = capsys.readouterr()
        assert told.err == "2 events exported\n"
        assert told.out == (
            "2 events imported, 0 were there already\n"
            "Now run `manage.py rebuild_claims`: the addresses of imported users are"
            " free.\n"
        )
        call_command("import_events", str(file), "--json")
    assert json.loads(capsys.readouterr().out) == {
        "lines": 2,
        "stored": 0,
        "skipped": 2,
        "keyless": 0,
        "refused": None,
    }


def test_the_import_command_names_line_and_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(line() + b'{"stream": ')
    with pytest.raises(CommandError, match="line 2: the file is cut off") as caught:
        call_command("import_events", str(file), "--json")
    assert caught.value.returncode == 1
    refused = json.loads(capsys.readouterr().out)["refused"]
    assert refused["line"] == 2
    with pytest.raises(CommandError, match="No such file") as caught:
        call_command("import_events", str(tmp_path / "none"))
    assert caught.value.returncode == 2


def test_an_export_to_nowhere_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file") as caught:
        call_command("export_events", output=str(tmp_path / "no" / "file"))
    assert caught.value.returncode == 2


def test_identifiers_are_read_in_any_spelling() -> None:
    import_events([line(event_id=SAME.upper())])
    (event,) = store.read_stream("user-1")
    assert event.event_id == UUID(SAME)
