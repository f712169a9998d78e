from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.test import Client

from eventstore import checks, rebuilding, store
from eventstore.circumstances import acting
from eventstore.models import ProjectionCode, Rebuild
from eventstore.tasks import sweep
from projections.models import DirectoryEntry
from tests.backoffice import catch_up, staff, superuser, text
from tests.factories import api_token, known_user
from tests.rebuilds import built
from tests.repairs import break_row

pytestmark = pytest.mark.usefixtures("committed_db")
LIST = "/admin/eventstore/subscription/"
PAGE = f"{LIST}directory/rebuild/"
SEE = "eventstore.view_checkpoint"
CHANGE = "projections.rebuild"
START = {"reason": "OPS-1", "typed": "directory"}
ACTIONS = ("pause", "resume", "cancel", "compare", "switch", "switch-back", "accept")


def worked() -> None:
    while not rebuilding.work("directory"):
        pass


def manage(*words: str) -> Any:
    said = io.StringIO()
    call_command("subscriptions", *words, "--json", stdout=said, stderr=io.StringIO())
    return orjson.loads(said.getvalue())


def acts() -> list[tuple[str, str, str]]:
    events: list[Any] = store.read_stream("subscription-directory")
    return [(e.actor, e.payload.change, e.payload.reason) for e in events]


def of_yesterday() -> None:
    catch_up()
    ProjectionCode.objects.filter(subscription="directory").update(digest="yesterday")


def test_the_whole_way_from_the_list_to_the_switch_and_back() -> None:
    known_user()
    catch_up()
    DirectoryEntry.objects.update(name="wrong")
    client = superuser()
    listed = client.get(LIST)
    assert f'href="{PAGE}"' in listed.content.decode()
    started = client.post(PAGE, START, follow=True)
    assert started.redirect_chain == [(PAGE, 303)]
    assert "Filling the new tables 0 %" in (text(started, "standing") or "")
    assert '<meta http-equiv="refresh" content="3">' in started.content.decode()
    worked()
    ready = client.get(PAGE)
    assert (text(ready, "standing") or "").startswith("Ready: keeps up with the log")
    assert "http-equiv" not in ready.content.decode()
    assert text(ready, "counts") == (
        "Rows that differ Table Created Changed Deleted"
        " projections_directoryentry 0 1 0"
    )
    assert (text(ready, "sample") or "").endswith(" changed name")
    refused = client.post(f"{PAGE}switch/", {"reason": " "})
    assert refused.status_code == 422
    assert DirectoryEntry.objects.get().name == "wrong"
    switched = client.post(f"{PAGE}switch/", {"reason": "OPS-2"}, follow=True)
    assert [str(m) for m in switched.context["messages"]] == [
        "directory is served by the new tables."
    ]
    assert "Kept until" in (text(switched, "standing") or "")
    assert DirectoryEntry.objects.get().name == "Ada Byron"
    client.post(f"{PAGE}switch-back/", {"reason": "OPS-3"})
    assert DirectoryEntry.objects.get().name == "wrong"
    assert [act for act in acts() if act[0] != "staff:root"] == []
    assert [reason for _actor, _change, reason in acts()] == ["OPS-1", "OPS-2", "OPS-3"]


def test_a_second_operator_is_told_who_started_it() -> None:
    superuser().post(PAGE, START)
    page = staff(SEE, CHANGE).post(PAGE, START, follow=True)
    said = "Rebuild of directory: already running, started by staff:root."
    assert said in page.content.decode()
    assert Rebuild.objects.count() == 1


@pytest.mark.parametrize(
    "typed",
    [{"reason": "OPS-1", "typed": "history"}, {"reason": "", "typed": "directory"}],
)
def test_nothing_starts_without_a_reason_or_under_another_name(typed: Any) -> None:
    page = superuser().post(PAGE, typed)
    assert page.status_code == 422
    assert Rebuild.objects.count() == 0


def test_pause_resume_compare_and_cancel() -> None:
    known_user()
    client = superuser()
    client.post(PAGE, START)
    paused = client.post(f"{PAGE}pause/", {"reason": "lunch"}, follow=True)
    assert "Paused by staff:root" in (text(paused, "standing") or "")
    client.post(f"{PAGE}resume/")
    worked()
    client.post(f"{PAGE}compare/")
    assert Rebuild.objects.get().is_comparison_due
    client.post(f"{PAGE}cancel/", {"reason": "OPS-9"})
    again = client.post(f"{PAGE}cancel/", {"reason": "OPS-9"}, follow=True)
    assert b"There is no rebuild of directory to cancel." in again.content
    assert text(again, "standing") is None
    assert [change for _actor, change, _reason in acts()] == [
        "rebuild started",
        "rebuild paused",
        "rebuild resumed",
        "rebuild cancelled",
    ]


def test_whoever_may_only_look_finds_no_button_and_is_refused() -> None:
    superuser().post(PAGE, START)
    client = staff(SEE)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert 'action="/admin/eventstore/' not in page.content.decode()
    assert text(page, "no-right") == (
        "Whoever may rebuild read models starts and switches here; leads may."
    )
    client.post(PAGE, START)
    assert Rebuild.objects.count() == 1
    for action in ACTIONS:
        assert client.post(f"{PAGE}{action}/", START).status_code == 403
    assert staff().get(PAGE).status_code == 403
    assert staff().post(PAGE, START).status_code == 403


@pytest.mark.parametrize("name", ["snapshots", "welcome_email", "nobody", "x~y"])
def test_what_cannot_be_rebuilt_has_no_page(name: str) -> None:
    assert superuser().get(f"{LIST}{name}/rebuild/").status_code == 404
    assert superuser().post(f"{LIST}{name}/rebuild/cancel/").status_code == 404


def test_changed_code_is_flagged_everywhere_until_it_is_accepted() -> None:
    of_yesterday()
    (warning,) = checks.every_read_model_is_of_this_code(databases=["default"])
    assert warning.id == "eventstore.W002"
    assert "projection directory changed" in warning.msg
    with pytest.raises(SystemCheckError, match="W002"):
        call_command("check", database=["default"], fail_level="WARNING")
    client = superuser()
    assert text(client.get(LIST), "changed-directory") == "Code changed"
    assert text(client.get(LIST), "changed-history") is None
    assert metric("directory") == "1"
    assert metric("history") == "0"
    assert manage("list")[0]["is_changed"]
    client.post(f"{PAGE}accept/", {"reason": "comments"})
    assert checks.every_read_model_is_of_this_code(databases=["default"]) == []
    assert metric("directory") == "0"
    assert acts() == [("staff:root", "changed code accepted", "comments")]


def test_changed_code_is_cleared_by_a_switch_and_back_by_another() -> None:
    known_user()
    of_yesterday()
    client = superuser()
    client.post(PAGE, START)
    worked()
    client.post(f"{PAGE}switch/", {"reason": "OPS-2"})
    assert metric("directory") == "0"
    client.post(f"{PAGE}switch-back/", {"reason": "OPS-3"})
    assert metric("directory") == "1"


def test_the_sweep_notes_the_code_of_what_began_before_it_was_noted() -> None:
    catch_up()
    ProjectionCode.objects.all().delete()
    assert metric("directory") == "0"
    sweep()
    noted = ProjectionCode.objects.values_list("subscription", flat=True)
    assert {"directory", "history"} <= set(noted)


def metric(name: str) -> str:
    token = api_token(f"metrics {uuid4()}")
    headers = {"Authorization": f"Bearer {token}"}
    lines = Client().get("/metrics", headers=headers).content.decode().splitlines()
    start = f'annals_subscription_changed{{subscription="{name}"}} '
    return next(line.removeprefix(start) for line in lines if line.startswith(start))


def test_the_command_line_does_the_same() -> None:
    known_user()
    catch_up()
    with pytest.raises(SystemExit, match="1"):
        manage("status", "directory")
    done = manage("rebuild", "directory", "--reason", "OPS-1")
    assert (done["state"], done["percent"], done["events"]) == ("ready", 100, 1)
    assert done["comparison"]["tables"][0]["changed"] == 0
    with pytest.raises(CommandError, match="already running") as refusal:
        manage("rebuild", "directory", "--reason", "OPS-1")
    assert refusal.value.returncode == 1
    assert manage("pause", "directory", "--reason", "x", "--rebuild") == {
        "paused": "directory"
    }
    assert manage("status", "directory")["paused_by"].startswith("operator:")
    assert manage("resume", "directory", "--rebuild") == {"resumed": "directory"}
    DirectoryEntry.objects.update(name="wrong")
    compared = manage("compare", "directory")["comparison"]
    assert compared["tables"][0]["changed"] == 1
    assert manage("switch", "directory") == {"switched": "directory"}
    assert manage("status", "directory")["state"] == "switched"
    assert manage("switch-back", "directory") == {"switched_back": "directory"}
    detached = manage("rebuild", "directory", "--reason", "OPS-2", "--detach")
    assert (detached["state"], detached["events"]) == ("filling", 0)
    assert manage("cancel", "directory") == {"cancelled": "directory"}
    with pytest.raises(CommandError, match="nothing to accept"):
        manage("accept", "directory", "--reason", "y")
    of_yesterday()
    assert manage("accept", "directory", "--reason", "y") == {"accepted": "directory"}
    with pytest.raises(CommandError, match="names no tables"):
        manage("rebuild", "snapshots", "--reason", "OPS-3")


def test_the_command_line_says_it_in_a_line() -> None:
    known_user()
    catch_up()
    DirectoryEntry.objects.all().delete()
    said = io.StringIO()
    call_command(
        "subscriptions",
        *("rebuild", "directory", "--reason", "OPS-1"),
        stdout=said,
        stderr=io.StringIO(),
    )
    line = said.getvalue()
    assert line.startswith("directory: ready, started by operator:")
    assert "projections_directoryentry: 1 created, 0 changed, 0 deleted" in line


def test_code_that_a_comparison_refutes_is_not_accepted() -> None:
    known_user()
    catch_up()
    break_row(DirectoryEntry.objects.get().user_id)
    of_yesterday()
    with acting(actor="staff:root", source="admin", correlation_id=uuid4()):
        built()
    client = superuser()
    answer = client.post(f"{PAGE}accept/", {"reason": "comments"}, follow=True)
    assert "writes other rows than those there are" in answer.content.decode()
    assert metric("directory") == "1"
