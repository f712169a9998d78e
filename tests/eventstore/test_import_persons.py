"""What an import owes to persons."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest
from django.core.management import call_command
from django.utils import timezone

from eventstore import roles, store, vault
from eventstore.archive import rows
from eventstore.archive.importing import Imported, import_events
from eventstore.errors import ImportRefusedError
from eventstore.events import ERASED
from eventstore.integrity import verify
from eventstore.models import StoredEvent
from tests import rest
from tests.databases import acting_as, cloned
from tests.eventstore.test_archive import changed, exported, line
from tests.factories import ADA, appended, known_user
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


def test_says_that_keys_are_missing_and_so_does_everybody_who_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known_user(ADA)
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(exported()))
    with cloned(), acting_as(roles.OWNER):
        call_command("import_events", str(file))
        assert "sealed under keys that are not in this vault" in capsys.readouterr().out
        api = rest.client()
        now = timezone.now().isoformat().replace("+00:00", "Z")
        for url in ("", f"?at={now}"):
            read = api.get(f"/api/v1/users/{ADA}{url}")
            assert rest.problem(read)["title"] == "Keys unavailable"
        refused = rest.post(api, f"/api/v1/users/{ADA}/name", {"name": "Ada King"})
    assert rest.problem(refused)["title"] == "Keys unavailable"
