from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from eventstore import browser, checkpoints, store
from eventstore.models import Checkpoint
from eventstore.searching import EventFilter
from projections import drift, drift_check, findings, scopes
from projections.findings import Finding, Models
from projections.models import DirectoryEntry, Drift, DriftCheck, ReprocessRun
from projections.read_models import READ_MODELS
from projections.tasks import check_drift
from tests.factories import known_user, metadata
from tests.repairs import (
    as_operator,
    break_period,
    break_row,
    catch_up,
    is_fold,
    ran,
    users,
)
from users import services
from users.aggregate import USER
from users.commands import ChangeName, EraseUser
from users.values import ErasureGround

pytestmark = pytest.mark.usefixtures("committed_db")


def told(kind: str) -> list[dict[str, Any]]:
    page = browser.page(EventFilter(types=[kind]))
    return [dict(event.data) for event in page.events][::-1]


def drifted() -> list[tuple[str, UUID, list[str]]]:
    return [(d.projection, d.user_id, d.fields) for d in Drift.objects.all()]


def command(*arguments: str) -> tuple[int, Any]:
    """Return the exit code and what was printed as JSON."""
    out = StringIO()
    try:
        call_command(*arguments, "--json", stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_beat_finds_a_corrupted_row_and_an_operator_repairs_it() -> None:
    ada, bob = users(2)
    break_row(ada, name="Corrupted")
    check_drift()
    check_drift()
    assert drifted() == [("directory", ada, ["name"])]
    found = {"projection": "directory", "subject": f"user-{ada}", "fields": ["name"]}
    assert told("DriftFound") == [found]
    scope = scopes.Scope(kind=scopes.DRIFTED)
    run = ran(scope)
    assert (run.checked, run.changed, is_fold(ada), is_fold(bob)) == (1, 1, True, True)
    assert drifted() == []
    ended = {"projection": "directory", "subject": f"user-{ada}", "how": "reprocessed"}
    assert told("DriftEnded") == [ended]


def test_a_row_behind_is_no_drift_and_a_fine_system_tells_nothing() -> None:
    (ada,) = users(1)
    services.execute(ChangeName(user_id=ada, name="Ada King"), metadata())
    known_user()
    head = store.watermark()
    check_drift()
    assert (drifted(), store.watermark()) == ([], head)
    at = DriftCheck.objects.get()
    assert (at.checked, at.failed) == (2, 0)


def test_an_erased_person_is_no_drift_before_and_after_the_worker_comes() -> None:
    (ada,) = users(1)
    services.execute(EraseUser(user_id=ada, ground=ErasureGround.REQUEST), metadata())
    with as_operator():
        before = drift_check.look_at(scopes.everybody())
        catch_up()
        after = drift_check.look_at(scopes.everybody())
    assert (before.drifted, before.failed) == (after.drifted, after.failed) == ([], [])


def test_the_round_comes_to_every_row_and_to_rows_of_nobody() -> None:
    everyone = users(5)
    ghost = uuid4()
    DirectoryEntry.objects.filter(user_id=everyone[4]).update(user_id=ghost)
    with as_operator():
        looks = [drift_check.look_on(users=2).checked for _ in range(5)]
    assert looks == [2, 2, 1, 1, 0]
    assert sorted(user for _name, user, _fields in drifted()) == sorted(
        [everyone[4], ghost]
    )
    at = DriftCheck.objects.get()
    assert (at.cursor, at.round_ended_at is not None) == ("", True)


def test_what_is_repaired_while_the_detector_looks_is_no_drift(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (ada,) = users(1)
    break_row(ada)
    examine = findings.examine

    def look_then_repair(user_ids: Sequence[UUID], models: Models) -> list[Finding]:
        found = examine(user_ids, models)
        monkeypatch.setattr(findings, "examine", examine)
        assert ran(scopes.everybody()).changed == 1
        return found

    monkeypatch.setattr(findings, "examine", look_then_repair)
    with as_operator():
        report = drift_check.look_on(users=10)
    assert (report.checked, report.drifted, drifted()) == (1, [], [])


def test_who_confirms_is_alone_with_the_users_until_the_end() -> None:
    ada, _bob = users(2)
    break_row(ada)
    repaired: list[int] = []

    def repair() -> None:
        repaired.append(ran(scopes.everybody()).changed)
        connection.close()

    other = threading.Thread(target=repair)
    with transaction.atomic():
        (before,) = findings.confirm([ada], READ_MODELS)
        other.start()
        other.join(0.5)
        (still,) = findings.examine([ada], READ_MODELS)
        assert (repaired, other.is_alive()) == ([], True)
    other.join()
    fields = [["directory.name"]] * 2
    assert [[d.name for d in each.differences] for each in (before, still)] == fields
    assert (repaired, is_fold(ada)) == ([1], True)


def test_nobody_repairs_what_is_being_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    (ada,) = users(1)
    break_row(ada)
    held: list[bool] = []
    note = drift.note

    def look_first(found: Any, *, checked: Any) -> None:
        held.append(is_held(ada))
        note(found, checked=checked)

    monkeypatch.setattr(drift, "note", look_first)
    check_drift()
    assert held == [True]
    assert drifted() == [("directory", ada, ["name"])]


def test_what_moves_while_the_detector_looks_is_looked_at_again_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (ada,) = users(1)
    looks: list[bool] = []
    reached_by = checkpoints.reached_by

    def moving(names: Sequence[str], streams: Sequence[str]) -> dict[Any, int]:
        looks.append(is_held(ada))
        reached = reached_by(names, streams)
        # Until it is held, a worker comes past between any two looks.
        return {
            each: at + (0 if looks[-1] else len(looks)) for each, at in reached.items()
        }

    monkeypatch.setattr(checkpoints, "reached_by", moving)
    (found,) = findings.examine([ada], READ_MODELS)
    assert looks == [False] * 2 * findings.TRIES + [True] * 2
    assert (found.action, found.differences) == ("nothing", [])


def test_who_is_erased_between_two_looks_is_no_drift(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (ada,) = users(1)
    read_streams = store.read_streams

    def erase_first(wanted: Mapping[str, int]) -> Any:
        monkeypatch.setattr(store, "read_streams", read_streams)
        erased = EraseUser(user_id=ada, ground=ErasureGround.REQUEST)
        services.execute(erased, metadata())
        return store.read_streams(wanted)

    monkeypatch.setattr(store, "read_streams", erase_first)
    (found,) = findings.examine([ada], READ_MODELS)
    assert (found.events, found.action, found.differences) == (2, "nothing", [])
    assert found.error is None


def is_held(user_id: UUID) -> bool:
    """Say whether our transaction keeps others from the user's buckets."""
    free: list[int] = []

    def look() -> None:
        with transaction.atomic():
            mine = Checkpoint.objects.filter(
                subscription="directory", bucket=store.bucket_of(USER.stream(user_id))
            )
            free.append(len(mine.select_for_update(skip_locked=True)))
        connection.close()

    other = threading.Thread(target=look)
    other.start()
    other.join()
    return free == [0]


def test_a_look_goes_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_check, "CHUNK", 2)
    users(5)
    with as_operator():
        assert drift_check.look_on(users=4).checked == 4
        assert drift_check.look_on(users=4).checked == 1
        assert drift_check.look_on(users=0).checked == 0


def test_drift_that_a_later_event_mends_ends_by_itself() -> None:
    (ada,) = users(1)
    break_row(ada, name="Corrupted")
    with as_operator():
        drift_check.look_on(users=10)
        services.execute(ChangeName(user_id=ada, name="Ada King"), metadata())
        catch_up()
        drift_check.look_at(scopes.everybody())
    assert drifted() == []
    assert [each["how"] for each in told("DriftEnded")] == ["by itself"]


def test_the_detector_may_be_switched_off() -> None:
    (ada,) = users(1)
    break_row(ada)
    before = settings.DRIFT_USERS
    settings.DRIFT_USERS = 0
    try:
        check_drift()
    finally:
        settings.DRIFT_USERS = before
    assert drifted() == []


def test_the_command_says_clean_drift_and_repaired() -> None:
    ada, bob, _cleo = users(3)
    assert command("check_drift") == (
        0,
        {"checked": 3, "drifted": [], "failed": [], "repaired": 0},
    )
    break_row(ada, status="suspended")
    break_period(bob, name="Bad")
    code, found = command("check_drift", "--all")
    assert (code, found["checked"]) == (1, 3)
    assert {each["user_id"]: each["fields"] for each in found["drifted"]} == {
        str(ada): ["directory.status"],
        str(bob): ["history.v1 recorded+valid name"],
    }
    code, found = command("check_drift", "--all", "--repair", "--reason", "OPS-412")
    assert (code, found["repaired"]) == (0, 2)
    assert (is_fold(ada), is_fold(bob)) == (True, True)
    assert ReprocessRun.objects.get().reason == "OPS-412"
    assert command("check_drift", "--sample", "2")[1]["checked"] == 2


def test_reprocess_user_previews_and_runs_for_whoever_is_named() -> None:
    ada, bob, cleo = users(3)
    for user_id in (ada, bob, cleo):
        break_row(user_id)
    head = store.watermark()
    code, found = command("reprocess_user", str(ada), "--preview")
    assert (code, found["users"], found["change"]) == (1, 1, 1)
    assert found["differences"][0]["field"] == "directory.name"
    assert (store.watermark(), is_fold(ada)) == (head, False)

    reason = ("--reason", "OPS-412")
    code, run = command("reprocess_user", f"{bob.int}@example.com", *reason)
    assert (code, run["state"], run["changed"]) == (0, "finished", 1)
    assert (is_fold(ada), is_fold(bob)) == (False, True)
    asked = ("--filter", "q=broken")
    assert command("reprocess_user", *asked, *reason)[1]["changed"] == 2
    assert command("reprocess_user", "--all", "--preview")[0] == 0
    assert command("reprocess_user", "--drifted", "--preview")[1]["users"] == 0
    position = str(head)
    touched = ("--from", position, "--to", position)
    assert command("reprocess_user", *touched, "--preview")[1]["users"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--all",),
        ("--all", "--filter", "q=x", "--preview"),
        ("--filter", "color=red", "--preview"),
        ("--filter", "status=wrong", "--preview"),
        ("--from", "yesterday", "--preview"),
        ("nobody@example.com", "--preview"),
        ("not an id", "--preview"),
    ],
)
def test_reprocess_user_refuses_what_it_does_not_understand(
    arguments: tuple[str, ...],
) -> None:
    with pytest.raises(CommandError) as error:
        call_command("reprocess_user", *arguments, stdout=StringIO())
    assert error.value.returncode == 2
    assert ReprocessRun.objects.count() == 0


@pytest.mark.parametrize("arguments", [("--repair",), ("--sample", "0")])
def test_check_drift_refuses_what_it_does_not_understand(
    arguments: tuple[str, ...],
) -> None:
    with pytest.raises(CommandError) as error:
        call_command("check_drift", *arguments, stdout=StringIO())
    assert error.value.returncode == 2
