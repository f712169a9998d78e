from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker, Settings

from eventstore import subscriptions
from eventstore.models import Checkpoint, Effect
from projections.streams import STREAMS
from tests import databases
from tests.backoffice import (
    EVENTS,
    USERS,
    catch_up,
    regions,
    staff,
    superuser,
    text,
    user_url,
)
from tests.factories import (
    ADA,
    appended,
    dead_letter,
    known_user,
    renamed,
    user_created,
)

INDEX = "/admin/"
SUBSCRIPTIONS = "/admin/eventstore/subscription/"
LETTERS = "/admin/eventstore/deadletter/"
RUNS = "/admin/projections/reprocess/"
SEE_EVENTS = "eventstore.view_storedevent"
SEE_USERS = "projections.view_directoryentry"
ISSUE_COMMANDS = "users.issue_command"
REPROCESS = "projections.reprocess"
PAGES = {
    EVENTS: SEE_EVENTS,
    f"{EVENTS}1/": SEE_EVENTS,
    USERS: SEE_USERS,
    user_url(ADA): SEE_USERS,
    f"{USERS}add/": ISSUE_COMMANDS,
    user_url(ADA, "commands/change-name/"): ISSUE_COMMANDS,
    user_url(ADA, "commands/change-email/"): ISSUE_COMMANDS,
    user_url(ADA, "commands/change-status/"): ISSUE_COMMANDS,
    user_url(ADA, "reprocess/"): REPROCESS,
    RUNS: REPROCESS,
    f"{RUNS}new/?scope=all": REPROCESS,
    "/admin/eventstore/stream/": SEE_EVENTS,
    SUBSCRIPTIONS: "eventstore.view_checkpoint",
    f"{SUBSCRIPTIONS}analytics/": "eventstore.view_checkpoint",
    f"{SUBSCRIPTIONS}directory/rebuild/": "eventstore.view_checkpoint",
    f"{SUBSCRIPTIONS}directory/pause/": "eventstore.change_checkpoint",
    LETTERS: "eventstore.view_deadletter",
    f"{LETTERS}1/": "eventstore.view_deadletter",
    f"{LETTERS}group/0123456789ab/retry/": "eventstore.change_deadletter",
}


def test_an_open_letter_is_not_everything_applied(committed_db: str) -> None:
    del committed_db
    known_user(ADA)
    catch_up()
    client = superuser()
    assert text(client.get(INDEX), "lag-note") == "everything is applied"
    dead_letter()
    page = client.get(INDEX)
    assert text(page, "lag-note") == "1 stream set aside"
    assert text(page, "letters") == "1"
    assert re.fullmatch("oldest .+ ago", text(page, "letters-oldest") or "")
    assert regions(staff(SEE_EVENTS).get(INDEX), "letters") == []


def test_a_pause_says_whose_it_is_and_why_and_is_not_everything_applied(
    committed_db: str, settings: Settings
) -> None:
    del committed_db
    settings.LAG_WARN_SECONDS = 0
    known_user(ADA)
    client = superuser()
    client.post(f"{SUBSCRIPTIONS}analytics/pause/", {"reason": "OPS-412"})
    catch_up()
    said = " analytics reactor Paused by staff:root: OPS-412 "
    page = client.get(INDEX)
    assert said in (text(page, "subscriptions") or "")
    assert '<span class="pill warn">Paused</span>' in page.content.decode()
    assert text(page, "lag-note") == "1 subscription is paused"
    reader = staff(SEE_EVENTS, "eventstore.view_checkpoint")
    for url in (INDEX, SUBSCRIPTIONS):
        assert said in (text(reader.get(url), "subscriptions") or "")
    assert "OPS-412" not in (text(staff(SEE_EVENTS).get(INDEX), "subscriptions") or "")
    known_user()
    buckets = text(reader.get(SUBSCRIPTIONS), "buckets") or ""
    assert " directory " in buckets
    assert " analytics " not in buckets
    Checkpoint.objects.filter(subscription="welcome_email").update(error="KeyError")
    assert text(client.get(INDEX), "lag-note") == "1 subscription fails"
    settings.LAG_BAD_SECONDS = 0
    assert '<span class="pill err">Catching up</span>' in (
        client.get(INDEX).content.decode()
    )


def test_shows_true_numbers(committed_db: str) -> None:
    del committed_db
    appended(f"user-{uuid4()}", user_created(), renamed())
    catch_up()
    known_user(ADA)
    response = superuser().get(INDEX)
    assert text(response, "cards") == (
        # The projection has not come to the third.
        "Events stored 3 final up to #3 Events, this hour 2 0 in the hour before"
        f" Read-model lag {text(response, 'lag')} 1 event behind"
        " Dead letters 0 nothing is set aside Effects that failed 0 1 pending"
        " Users whose rows differ 0 not looked yet"
    )
    assert re.fullmatch(r"\d+\.\d s", text(response, "lag") or "")
    assert '<dd class="note " data-testid="lag-note">' in response.content.decode()
    assert text(response, "recent-total") == "2 events"
    assert text(response, "recent-sources") == "REST API 2"
    assert text(response, "recent-types") == (
        "Last 24 hours, by type: UserCreated 1, UserNameChanged 1"
    )
    (latest,) = regions(response, "latest-events")
    assert latest.startswith("Last 10 events #3 REST client tests created Ada Byron")


def test_a_subscription_is_live_catching_up_or_failing_in_words(
    committed_db: str, settings: Settings
) -> None:
    del committed_db
    known_user()
    catch_up()
    known_user()
    subscriptions.catch_up(subscriptions.find("directory"))
    client = superuser()
    said = text(client.get(INDEX), "subscriptions") or ""
    assert " Name Kind Status Position Behind Dead letters Last error" in said
    assert " directory projection Live 2 0 0 —" in said
    assert " welcome_email reactor Live 1 1 (" in said  # a moment is no delay
    settings.LAG_WARN_SECONDS = 0
    said = text(client.get(INDEX), "subscriptions") or ""
    assert " welcome_email reactor Catching up 1 1 (" in said
    failing = Checkpoint.objects.filter(subscription="welcome_email")
    failing.update(error="KeyError at x.py:1")
    said = text(client.get(INDEX), "subscriptions") or ""
    assert " welcome_email reactor Failing 1 1 (" in said
    assert " 0 KeyError at x.py:1 " in said


@pytest.mark.django_db
def test_counts_the_effects_that_were_given_up() -> None:
    (event_id, other) = uuid4(), uuid4()
    for identity, state in ((event_id, "failed"), (other, "done")):
        Effect.objects.create(
            reactor="welcome_email",
            event_id=identity,
            stream="user-1",
            version=1,
            state=state,
            next_attempt_at="2026-11-06T12:00Z",
            created_at="2026-11-06T12:00Z",
        )
    response = superuser().get(INDEX)
    assert text(response, "effects-failed") == "1"
    assert text(response, "effects-pending") == "0 pending"


@pytest.mark.parametrize("span", ["1h", "24h", "30d"])
def test_needs_ten_queries(
    committed_db: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    span: str,
) -> None:
    del committed_db
    for _number in range(12):
        known_user()
    catch_up()
    client = superuser()
    with django_assert_max_num_queries(10):
        assert text(client.get(f"{INDEX}?span={span}"), "events-stored") == "12"


def test_the_list_of_users_says_how_fresh_it_is(committed_db: str) -> None:
    del committed_db
    known_user(ADA)
    catch_up()
    subscriptions.catch_up(STREAMS)
    client = superuser()
    said = text(client.get(USERS), "freshness")
    assert said == "1 user shown · Read model at #1, up to date"
    known_user()
    said = text(client.get(USERS), "freshness")
    fresh = r"1 user shown · Read model at #1, 1 event \(\d+\.\d s\) behind"
    assert re.fullmatch(fresh, said or "")
    streams = text(client.get("/admin/eventstore/stream/"), "freshness") or ""
    assert streams.startswith("1 stream shown · Read model at #1, 1 event (")


@pytest.mark.django_db
def test_an_empty_log_says_how_to_begin() -> None:
    said = text(superuser().get(INDEX), "latest-events")
    assert said == "Last 10 events No events recorded. Create a user"


@pytest.mark.django_db
def test_staff_without_permissions_see_no_numbers_and_who_can_help() -> None:
    response = staff().get(INDEX)
    assert response.status_code == 200
    assert regions(response, "cards") == []
    assert "Whoever manages staff accounts" in (text(response, "no-permission") or "")


@pytest.fixture(scope="module")
def ada(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """One user, created at position 1, with a dead letter; for tests that only read."""
    del django_db_setup
    with django_db_blocker.unblock(), databases.cloned():
        appended(f"user-{ADA}")
        dead_letter(pk=1)
        yield


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(("url", "permission"), PAGES.items())
def test_a_page_opens_with_its_permission_only(url: str, permission: str) -> None:
    anonymous = Client().get(url)
    assert anonymous.status_code == 302
    assert anonymous.headers["Location"].startswith("/admin/login/?next=")
    others = sorted(set(PAGES.values()) - {permission})
    without = staff(*others).get(url)
    assert without.status_code == 403
    assert "Your account has no permission" in (text(without, "forbidden") or "")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(("url", "permission"), PAGES.items())
def test_a_page_needs_no_other_permission(url: str, permission: str) -> None:
    assert staff(permission).get(url).status_code == 200


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    "url",
    [url for url, needed in PAGES.items() if needed in (ISSUE_COMMANDS, REPROCESS)],
)
def test_nobody_acts_without_the_permission(url: str) -> None:
    assert staff(SEE_EVENTS, SEE_USERS).post(url).status_code == 403


@pytest.mark.usefixtures("ada")
def test_controls_that_a_person_may_not_use_are_absent() -> None:
    response = staff(SEE_USERS).get(user_url(ADA))
    for control in ("change", "change-name", "reprocess", "tab-events"):
        assert regions(response, control) == []
    assert text(response, "sidebar") == "Monitor Dashboard People Users"


@pytest.mark.django_db
def test_the_side_bar_lists_what_a_superuser_may_see() -> None:
    assert text(superuser().get(INDEX), "sidebar") == (
        "Monitor Dashboard Events Streams Subscriptions Dead letters People Users"
        " Operate Reprocess Webhooks Raw inbox Quarantine Salesforce Conflicts"
        " Schedules Exports API tokens Audit Staff"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "classes"),
    [("Staging", "environment"), ("Production", "environment is-production")],
)
def test_every_page_says_where_it_is(
    settings: Settings, name: str, classes: str
) -> None:
    settings.ENVIRONMENT_NAME = name
    response = superuser().get(INDEX)
    assert text(response, "environment") == f"Environment: {name}"
    assert f'class="{classes}"' in response.content.decode()


@pytest.mark.django_db
def test_an_address_that_is_none_is_a_page_too() -> None:
    response = superuser().get("/admin/nowhere/")
    assert response.status_code == 404
    assert "There is nothing at this address." in (text(response, "not-found") or "")
