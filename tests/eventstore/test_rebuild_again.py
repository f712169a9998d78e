"""A copy that is compared once more, and one that is built beside a kept one."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from eventstore import quarantine, rebuilds
from eventstore.errors import (
    NoRebuildError,
    NotComparedError,
    SwitchRefusedError,
    TooManyLettersError,
)
from eventstore.models import Rebuild
from projections.models import DirectoryEntry
from tests.backoffice import catch_up, superuser
from tests.factories import known_user
from tests.rebuilds import built, counts, done, found, operator

__all__ = ["operator"]
pytestmark = pytest.mark.usefixtures("committed_db", "operator")
PAGE = "/admin/eventstore/subscription/directory/rebuild/"


@pytest.fixture
def ready(committed_db: str, operator: None) -> None:
    del committed_db, operator
    known_user()
    catch_up()
    built()
    DirectoryEntry.objects.update(name="wrong")


def compared() -> dict[str, Any]:
    said = StringIO()
    call_command("subscriptions", "compare", "directory", "--json", stdout=said)
    answer: dict[str, Any] = orjson.loads(said.getvalue())
    return answer


def of_yesterday() -> None:
    Rebuild.objects.update(digest="yesterday")


def switched_and_built_anew() -> None:
    rebuilds.switch("directory")
    rebuilds.switch_back("directory")
    rebuilds.start("directory", reason="OPS-2")


@pytest.mark.usefixtures("ready")
def test_the_command_compares_a_copy_that_is_ready_and_one_that_is_kept() -> None:
    assert compared()["comparison"]["tables"][0]["changed"] == 1
    rebuilds.switch("directory")
    assert found().comparison is None
    answer = compared()
    assert (answer["state"], answer["is_comparison_due"]) == ("switched", False)
    assert answer["comparison"]["tables"][0]["changed"] == 1


@pytest.mark.usefixtures("ready")
def test_an_error_of_before_is_forgotten_and_it_is_tried() -> None:
    Rebuild.objects.update(error="OSError at nowhere.py:1")
    answer = compared()
    assert answer["error"] == ""
    assert answer["comparison"]["tables"][0]["changed"] == 1


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("hinder", "why"),
    [
        (lambda: rebuilds.pause("directory"), "it is paused; resume it first"),
        (of_yesterday, "it was begun by other code; cancel it and start again"),
        (
            switched_and_built_anew,
            "another rebuild is being filled; wait for it, or cancel it",
        ),
    ],
)
def test_what_workers_leave_alone_is_not_compared(
    hinder: Callable[[], None], why: str
) -> None:
    hinder()
    with pytest.raises(CommandError, match=f"^directory is not compared: {why}") as no:
        compared()
    assert no.value.returncode == 1
    assert not Rebuild.objects.filter(is_comparison_due=True).exists()


@pytest.mark.usefixtures("ready")
def test_kept_tables_that_lack_one_of_newer_code_are_not_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rebuilds.switch("directory")
    tables = ["projections_directoryentry", "projections_userperiod"]
    monkeypatch.setattr(rebuilds, "tables_of", lambda _projection: tables)
    with pytest.raises(NotComparedError, match="has tables that were not kept"):
        rebuilds.compare("directory")


@pytest.mark.usefixtures("ready")
def test_a_copy_that_fails_ends_the_command_with_its_error() -> None:
    of_one = Rebuild.objects.get()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eventstore.comparing.compare", _fail)
        with pytest.raises(SystemExit) as end:
            compared()
    of_one.refresh_from_db()
    assert (end.value.code, of_one.is_comparison_due) == (1, True)
    assert of_one.error.startswith("ValueError at ")


def _fail(*_: object) -> None:
    raise ValueError


@pytest.mark.usefixtures("ready")
def test_a_newer_rebuild_is_compared_and_switched_to_beside_what_was_kept() -> None:
    switched_and_built_anew()
    done()
    assert (found().reason, counts()) == ("OPS-2", [(0, 1, 0, 0)])
    client = superuser()
    back = client.post(f"{PAGE}switch-back/", {"reason": "why"}, follow=True)
    assert [str(each) for each in back.context["messages"]] == [
        "There is no rebuild of directory to switch back."
    ]
    DirectoryEntry.objects.update(name="wrong", status="suspended")
    (row,) = compared()["comparison"]["tables"][0]["sample"]
    assert row["fields"] == ["name", "status"]
    assert found().reason == "OPS-2"
    rebuilds.switch("directory")
    states = dict(Rebuild.objects.values_list("reason", "state"))
    assert states == {"OPS-1": "dropped", "OPS-2": "switched"}
    assert DirectoryEntry.objects.get().name == "Ada Byron"


def test_there_is_a_way_back_to_a_table_that_nobody_had_filled() -> None:
    known_user()
    built()
    rebuilds.switch("directory")
    rebuilds.switch_back("directory")
    assert (found().state, DirectoryEntry.objects.count()) == ("switched back", 1)


@pytest.mark.usefixtures("ready")
def test_a_gap_that_cannot_be_closed_refuses_the_switch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str, *_: object) -> None:
        raise TooManyLettersError(name, 1_000)

    monkeypatch.setattr(quarantine, "apply_sound", refuse)
    with pytest.raises(SwitchRefusedError) as refusal:
        rebuilds.switch("directory")
    assert str(refusal.value) == (
        "directory was not switched: the gap to the log cannot be closed:"
        " directory~rebuild_next has 1000 streams with a dead letter; repair what"
        " fails, and retry them."
    )
    assert found().state == "ready"


def test_nothing_is_compared_before_it_is_filled() -> None:
    rebuilds.start("directory", reason="OPS-1")
    with pytest.raises(NoRebuildError, match="no rebuild of directory to compare"):
        rebuilds.compare("directory")
