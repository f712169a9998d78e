from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from projections import reprocess, runs, scopes
from projections.models import DirectoryEntry, ReprocessRun
from projections.tasks import check_drift
from tests.backoffice import USERS, hidden, regions, staff, superuser, text, user_url
from tests.repairs import (
    break_period,
    break_row,
    checksums,
    everybody,
    is_fold,
    started,
    told_of,
    users,
)

pytestmark = pytest.mark.usefixtures("committed_db")

RUNS = "/admin/projections/reprocess/"
NEW = f"{RUNS}new/"


@pytest.fixture
def client(committed_db: str) -> Client:
    del committed_db
    return superuser()


def posted(client: Client, url: str, reason: str = "OPS-412") -> Any:
    form = {"token": hidden(client.get(url), "token"), "reason": reason}
    return client.post(url, form)


def named(*user_ids: UUID) -> str:
    return f"{NEW}?" + "&".join(f"user={user_id}" for user_id in user_ids)


def test_selected_users_are_previewed_and_the_button_says_the_number(
    client: Client,
) -> None:
    ada, bob, cleo = users(3)
    break_row(ada, name="Bad Ada")
    break_row(bob, name="Bad Bob")
    client.get("/admin/")  # a session writes itself
    before = checksums()
    response = client.get(named(ada, bob, cleo))
    assert checksums() == before
    assert response.status_code == 200
    title = "Reprocess 3 users in <code>directory</code> and <code>history</code>"
    assert title in " ".join(response.content.decode().split())
    assert text(response, "users-checked") == "3"
    assert text(response, "would-change") == "2"
    assert text(response, "unchanged") == "1"
    assert text(response, "submit") == "Reprocess 2 users"
    said = regions(response, "diff")
    assert [line.split(" #")[0] for line in said] == [
        f"{_name(ada)} directory.name Bad Ada {_name(ada)}",
        f"{_name(bob)} directory.name Bad Bob {_name(bob)}",
    ]


def _name(user_id: UUID) -> str:
    return next(
        str(difference.after)
        for _user, difference in reprocess.differences(scopes.selected([user_id]))
    )


def test_a_run_is_begun_done_and_shown_beside_its_preview(client: Client) -> None:
    ada, bob = users(2)
    break_row(ada)
    response = posted(client, named(ada, bob))
    assert response.status_code == 303
    page = client.get(response["Location"])
    assert "Refresh" not in page.headers
    assert (text(page, "run-done") or "").startswith(
        "2 of 2 users checked, 1 repaired, 0 failed"
    )
    assert text(page, "compared") == (
        "The run beside its preview What the preview said and what the run did"
        " Users Preview Run Rows changed 1 1 Rows created 0 0 Rows deleted 0 0"
        " Stayed the same 1 1 Could not be derived 0 0"
        " 0 of the repaired have events after"
        f" #{ReprocessRun.objects.get().position}, which the preview did not know."
    )
    assert "OPS-412" in (text(page, "run-facts") or "")
    assert "OPS-412" in (text(client.get(RUNS), "runs") or "")
    assert is_fold(ada)


def test_the_list_of_users_hands_its_filter_on_and_no_ids(client: Client) -> None:
    for user_id in users(3):
        break_row(user_id, name="Bad apple")
    page = client.get(f"{USERS}?q=apple")
    assert text(page, "reprocess-selected") == "Reprocess selected…"
    url = f"{NEW}?q=apple&scope=filter"
    assert url.replace("&", "&amp;") in page.content.decode()
    response = client.get(url)
    assert text(response, "submit") == "Reprocess 3 users"
    assert posted(client, url).status_code == 303
    run = ReprocessRun.objects.get()
    assert (run.changed, run.state) == (3, "finished")
    # What was searched for may be a name, so it is kept no longer than needed.
    assert "apple" not in str(run.scope)
    begun = client.get(f"/admin/s/reprocess-{run.run_id}").content.decode()
    assert "apple" not in begun
    assert "users found by q=(masked)" in begun


def test_more_than_five_thousand_are_sampled_and_the_interval_is_said(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reprocess, "EXACT_USERS", 5)
    monkeypatch.setattr(reprocess, "SAMPLE_USERS", 4)
    for user_id in users(6):
        break_row(user_id)
    response = client.get(f"{NEW}?scope=all")
    assert text(response, "sample") == (
        "Random sample of 4 users: 100.0 % would change (95 % interval 51.0 to"
        " 100.0 %). The run looks at all of them. Rows of nobody, whom the log does not"
        " know, are not in the sample; the run finds and deletes them."
    )
    assert text(response, "submit") == "Reprocess 6 users"
    posted(client, f"{NEW}?scope=all")
    assert ReprocessRun.objects.get().changed == 6


def test_what_moved_is_said_and_nothing_done(client: Client) -> None:
    (ada,) = users(1)
    break_row(ada)
    form = {"token": hidden(client.get(named(ada)), "token"), "reason": "OPS-412"}
    break_row(ada, name="Otherwise")
    response = client.post(named(ada), form)
    assert response.status_code == 409
    assert f"user-{ada} differs otherwise than was shown: directory.name." in (
        text(response, "stale") or ""
    )
    assert ReprocessRun.objects.count() == 0
    assert client.post(named(ada), form | {"token": "forged"}).status_code == 409
    assert client.post(named(ada), form | {"reason": " "}).status_code == 422


def test_a_running_run_loads_again_and_is_paused_resumed_and_cancelled(
    client: Client,
) -> None:
    users(1)
    run = started(everybody())
    url = f"{RUNS}{run.run_id}/"
    page = client.get(url)
    assert page["Refresh"] == "3"
    assert "Refresh" not in client.get(f"{url}?still").headers
    for action, state in (
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ):
        assert client.post(f"{url}{action}/").status_code == 303
        assert ReprocessRun.objects.get().state == state
    again = client.post(f"{url}pause/", follow=True).content.decode()
    assert "The run is cancelled." in again
    assert told_of(run.run_id).state == "cancelled"


def test_all_differences_come_as_csv_that_no_spreadsheet_runs(client: Client) -> None:
    (ada,) = users(1)
    break_row(ada, name="=1+1", email="Grüße, “x”")
    url = named(ada).replace("new/?", "new/differences.csv?")
    response: Any = client.get(url)
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert lines[0] == "user_id,projection,field,now,after,set_by,event_type"
    assert lines[1].startswith(f"{ada},directory,name,'=1+1,")
    assert lines[2].startswith(f'{ada},directory,email,"Grüße, “x”",')
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "No user was selected."),
        ("user=ada", "One of the users is no user id."),
        ("scope=everything", "Nobody knows whom you mean."),
        ("scope=filter&color=red", "no filter color; there are changed_since, "),
        (
            "scope=touched&first=soon",
            "Enter a time such as 2026-11-06 15:00",
        ),
        ("scope=touched&first=9&last=3", "The range holds no event"),
    ],
)
def test_what_nobody_can_be_meant_by_is_said(
    client: Client, query: str, said: str
) -> None:
    response = client.get(f"{NEW}?{query}", follow=True)
    assert said in response.content.decode()


def test_creates_the_row_that_is_missing_on_the_page_of_one_user(
    client: Client,
) -> None:
    (ada,) = users(1)
    DirectoryEntry.objects.all().delete()
    url = user_url(ada, "reprocess/")
    assert text(client.get(url), "fields-changed") == "8"
    posted(client, url)
    assert is_fold(ada)


def test_drift_is_on_the_dashboard_the_user_and_the_page_that_repairs_it(
    client: Client,
) -> None:
    ada, bob = users(2)
    break_row(ada)
    break_period(bob)
    check_drift()
    assert text(client.get("/admin/"), "drifted") == "2"
    said = text(client.get(f"{user_url(bob)}?tab=state"), "state-drift") or ""
    assert "history was found to differ just now: v1 recorded+valid name." in said
    assert (text(client.get(RUNS), "drift") or "").startswith(
        "Drift directory 1 user differs history 1 user differs 2 users looked at"
    )
    assert text(client.get(f"{NEW}?scope=drifted"), "submit") == "Reprocess 2 users"
    posted(client, f"{NEW}?scope=drifted")
    assert text(client.get("/admin/"), "drifted") == "0"


def test_every_page_needs_the_permission(committed_db: str) -> None:
    del committed_db
    users(1)
    run = started(everybody())
    outsider = staff("projections.view_directoryentry")
    url = f"{RUNS}{run.run_id}/"
    pages = (RUNS, f"{NEW}?scope=all", f"{NEW}differences.csv?scope=all", url)
    assert [outsider.get(page).status_code for page in pages] == [403] * 4
    assert outsider.post(f"{url}cancel/").status_code == 403
    assert outsider.post(f"{NEW}?scope=all").status_code == 403
    assert "Reprocess" not in (outsider.get(USERS).content.decode())
    insider = staff("projections.reprocess")
    assert [insider.get(page).status_code for page in pages] == [200] * 4


@pytest.mark.usefixtures("superuser")
def test_a_run_in_trouble_begins_all_the_same_and_its_page_says_what_stops_it(
    client: Client,
) -> None:
    (ada,) = users(1)
    break_row(ada)
    url = named(ada)
    form = {"token": hidden(client.get(url), "token"), "reason": "OPS-412"}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE projections_drift RENAME TO hidden")
        begun = client.post(url, form)
        cursor.execute("ALTER TABLE hidden RENAME TO projections_drift")
    run = ReprocessRun.objects.get()
    assert (begun.status_code, begun["Location"]) == (303, f"{RUNS}{run.run_id}/")
    said = text(client.get(begun["Location"]), "run-error") or ""
    assert said.startswith("Stopped by ProgrammingError (42P01) at drift.py:")
    assert said.endswith(". It is tried again, and goes on as soon as that is over.")
    runs.go_on_all()
    assert text(client.get(begun["Location"]), "run-error") is None


def test_a_run_of_many_tries_five_shows_them_and_goes_on_when_told(
    client: Client,
) -> None:
    people = users(7)
    for each in people:
        break_row(each)
    page = client.get(f"{NEW}?scope=all")
    assert b"Try 5 first, then ask me" in page.content
    assert b"Try 5 first" not in client.get(named(*people[:5])).content
    token = hidden(page, "token")
    form = {"token": token, "reason": "OPS-412", "canary": "on"}
    begun = client.post(f"{NEW}?scope=all", form, follow=True)
    repaired = {f"{each} Repaired directory.name" for each in people if is_fold(each)}
    assert set(regions(begun, "tried-user")) == repaired
    assert len(repaired) == 5
    assert (text(begun, "asks") or "").startswith("The run has stopped.")
    assert "Asks whether to go on" in (text(client.get(RUNS), "runs") or "")
    assert text(begun, "resume") == "Go on with the rest"
    run = ReprocessRun.objects.get()
    client.post(f"{RUNS}{run.run_id}/resume/")
    runs.go_on_all()
    assert all(map(is_fold, people))
    done = client.get(f"{RUNS}{run.run_id}/")
    assert (text(done, "asks"), len(regions(done, "tried-user"))) == (None, 5)
