from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, LiteralString

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from eventstore import integrity
from eventstore.archive import rows
from tests.factories import NOON, appended, renamed, user_created

pytestmark = pytest.mark.usefixtures("committed_db", "superuser")

LEAF_CHECK = (
    Path(__file__).resolve().parents[2] / "docs" / "reference" / "leaf_check.py"
)


def tamper(statement: LiteralString) -> None:
    """Do what only the table's owner can do."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events DISABLE TRIGGER events_are_immutable")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER events_are_immutable")


def a_log() -> None:
    appended("user-1", user_created(name="Zoë\u2028"), renamed(), occurred_at=NOON)
    appended("user-2", extra={"reason": "ä"})
    appended("user-1", renamed("a", "b"), expected_version=2)


def what_differs() -> tuple[int, str]:
    found = integrity.verify().difference
    assert found
    return found.position, found.what


def test_a_log_nobody_touched_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BATCH_SIZE", 3)
    a_log()
    told: list[tuple[int, int]] = []
    verdict = integrity.verify(on_batch=lambda *at: told.append(at))
    assert (verdict.events, verdict.last, verdict.difference) == (4, 4, None)
    assert told == [(3, 3), (4, 4)]


def test_an_empty_log_is_fine() -> None:
    assert integrity.verify().events == 0


ANY = (
    "the leaf is not the one of data, metadata, salt and the other columns:"
    " one of them was changed"
)
OUTSIDE = "data, metadata or a name lies outside the JSON profile"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("actor = 'staff:eve'", ANY),
        ("data = '{}'", ANY),
        ("salt = substring(sha256('') FOR 16)", ANY),
        ("leaf = sha256('')", ANY),
        (
            "recorded_at = recorded_at - interval '1 us'",
            "recorded_at was changed; all else fits the leaf",
        ),
        (
            "occurred_at = occurred_at - interval '1 us'",
            "occurred_at was changed; all else fits the leaf",
        ),
        (
            "causation_id = event_id",
            "causation_id was changed; all else fits the leaf",
        ),
        (
            "data = '{\"n\": 1.5}'",
            f"{OUTSIDE} ($.n: float is not storable; use a string)",
        ),
    ],
)
def test_names_the_first_event_that_differs(change: LiteralString, what: str) -> None:
    a_log()
    tamper(f"UPDATE events SET {change} WHERE position >= 3")
    assert what_differs() == (3, what)


def test_notices_a_gap_and_a_version_that_comes_too_late() -> None:
    a_log()
    tamper("DELETE FROM events WHERE position = 2")
    assert what_differs() == (4, "the version before it is missing from the stream")


def test_notices_versions_out_of_the_order_of_the_log() -> None:
    a_log()
    tamper("UPDATE events SET position = 9 WHERE position = 1")
    tamper("SELECT setval('events_position_seq', 9)")
    told = "the version before it comes later in the log, at #9"
    assert what_differs() == (2, told)


def test_a_range_is_verified_by_itself() -> None:
    a_log()
    tamper("UPDATE events SET actor = 'staff:eve' WHERE position = 2")
    assert integrity.verify(first=3).events == 2
    assert integrity.verify(last=1).events == 1
    assert integrity.verify(first=2, last=3).difference


def verified(*arguments: str) -> Any:
    return call_command("verify_log", *arguments)


def test_the_command_says_what_it_verified(capsys: pytest.CaptureFixture[str]) -> None:
    a_log()
    verified()
    assert capsys.readouterr().out == "4 events verified, #1 to #4: fine\n"
    verified("--from", "2", "--to", "3", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "fine": True,
        "events": 2,
        "first": 2,
        "last": 3,
        "difference": None,
    }


def test_the_command_exits_with_1_and_names_the_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    a_log()
    tamper("UPDATE events SET actor = 'staff:eve' WHERE position = 3")
    with pytest.raises(CommandError) as caught:
        verified()
    assert caught.value.returncode == 1
    assert str(caught.value) == f"#3 (user-2, version 1) differs: {ANY}"
    with pytest.raises(CommandError):
        verified("--json")
    assert json.loads(capsys.readouterr().out)["difference"]["position"] == 3


def test_the_command_exits_with_2_when_it_cannot_run() -> None:
    tamper("ALTER TABLE events RENAME COLUMN leaf TO elsewhere")
    with pytest.raises(CommandError, match="the database did not do") as caught:
        verified("--to", "3")
    assert caught.value.returncode == 2


def leaf_check(file: Path) -> tuple[int, str]:
    command = [sys.executable, "-I", str(LEAF_CHECK), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.returncode, done.stdout


def test_an_export_is_verified_without_us(tmp_path: Path) -> None:
    a_log()
    file = tmp_path / "events.ndjson"
    call_command("export_events", output=str(file))
    assert leaf_check(file) == (0, "4 leaves are right\n")
    text = file.read_text("utf-8")
    first, second = text.split("client:tests", 1)
    changed = second.replace("client:tests", "client:other", 1)
    file.write_text(f"{first}client:tests{changed}", "utf-8")
    assert leaf_check(file) == (1, "line 2: #2 (user-1) has another leaf\n")
