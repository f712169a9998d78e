"""What an import owes to persons."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import orjson
import pytest

from eventstore import store, vault
from eventstore.archive import rows
from eventstore.archive.importing import Imported, import_events
from eventstore.errors import ImportRefusedError
from eventstore.events import ERASED
from eventstore.integrity import verify
from eventstore.models import StoredEvent
from tests.eventstore.test_archive import changed, exported, line
from tests.factories import ADA, appended
from users.aggregate import USER
from users.events import UserCreated

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")
RENAMED = {"old_name": "Ada", "new_name": "Ada King"}


def test_a_person_told_in_clear_is_sealed_as_append_seals() -> None:
    import_events([line(), line(stream="user-2")])
    stored = StoredEvent.objects.order_by("position")
    assert [set(event.data) for event in stored] == [{"sealed"}, {"sealed"}]
    (event,) = store.read_stream("user-1")
    assert event.payload == UserCreated(name="Ada", email="ada@example.com")
    assert verify(first=1, last=store.watermark()).difference is None


def test_a_person_told_in_clear_under_a_leaf_is_refused() -> None:
    appended("user-1")
    told = orjson.loads(exported()[0])
    clear = told | {"data": {"name": "Ada", "email": "ada@example.com"}}
    row = rows.Row(
        **{name: clear[name] for name in rows.Row._fields}
        | {
            "event_id": UUID(told["event_id"]),
            "correlation_id": UUID(told["correlation_id"]),
            "recorded_at": datetime.fromisoformat(told["recorded_at"]),
            "occurred_at": datetime.fromisoformat(told["occurred_at"]),
            "salt": bytes.fromhex(told["salt"]),
        }
    )
    clear["leaf"] = rows.expected_leaf(row).hex()
    with pytest.raises(ImportRefusedError, match="leave salt and leaf out"):
        import_events([orjson.dumps(clear) + b"\n"])


def test_who_is_erased_in_a_file_is_erased_here() -> None:
    ada = USER.stream(ADA)
    gone = line(version=2, type="UserErased", data={"ground": "request"}, stream=ada)
    import_events([line(stream=ada), gone])
    created, _gone = store.read_stream(ada)
    assert created.payload.name == ERASED
    assert vault.find([ada]) == {ada: None}
    later = line(version=3, type="UserNameChanged", data=RENAMED, stream=ada)
    import_events([later])
    assert StoredEvent.objects.get(version=3).data == dict.fromkeys(RENAMED, ERASED)


def test_what_was_sealed_by_an_earlier_run_is_known_again() -> None:
    told = line(event_id=str(uuid4()))
    assert import_events([told]).stored == 1
    assert import_events([told]) == Imported(lines=1, stored=0, skipped=1)
    vault.destroy("user-1")
    assert import_events([told]) == Imported(lines=1, stored=0, skipped=1)


@pytest.mark.parametrize(
    "changes",
    [{"data": {"name": "Eve", "email": "ada@example.com"}}, {"stream": "user-2"}],
)
def test_an_id_of_another_person_is_refused(changes: dict[str, object]) -> None:
    told = line(event_id=str(uuid4()))
    import_events([told])
    with pytest.raises(ImportRefusedError, match="is taken by another event, user-1"):
        import_events([changed(told, **changes)])


def test_an_older_shape_in_clear_is_refused() -> None:
    with pytest.raises(ImportRefusedError, match="lift it to UserCreated version 1"):
        import_events([line(schema_version=7)], allow_unknown=True)
