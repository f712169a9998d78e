from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from eventstore import effects, store
from projections.models import DirectoryEntry
from tests.backoffice import (
    USERS,
    attribute,
    projected,
    regions,
    staff,
    superuser,
    text,
    user_url,
)
from tests.factories import ADA, appended, dead_letter, known_user, metadata, renamed
from users import services
from users.aggregate import USER
from users.commands import ChangeName, ChangeStatus
from users.values import Status

pytestmark = pytest.mark.django_db


def rename(name: str, user_id: UUID = ADA) -> None:
    services.execute(ChangeName(user_id=user_id, name=name), metadata())


def in_directory(name: str, **changes: Any) -> UUID:
    user_id = known_user(name=name)
    projected(user_id)
    DirectoryEntry.objects.filter(user_id=user_id).update(**changes)
    return user_id


def listed(query: dict[str, str]) -> list[str]:
    response = superuser().get(USERS, query)
    return [entry.name for entry in response.context["found"].entries]


def test_the_list_shows_what_the_directory_knows() -> None:
    known_user(ADA, email="ada@example.com")
    projected(ADA)
    (event,) = store.read_stream(USER.stream(ADA))
    when = f"{event.recorded_at.day} {event.recorded_at:%b %Y, %H:%M} UTC"
    response = superuser().get(USERS)
    table = text(response, "users-table") or ""
    assert table.endswith(
        f"Version Ada Byron ada@example.com Active REST API {when} {when} 1"
    )
    assert text(response, "create-user") == "Create user"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["Grace", "Alan", "Ada"]),
        ({"q": "  ALA "}, ["Alan"]),
        ({"status": "suspended"}, ["Alan"]),
        ({"source": "salesforce"}, ["Grace"]),
        ({"source": "salesforce", "status": "suspended"}, []),
        ({"created_since": "2026-02-01T00:00:00Z"}, ["Grace", "Alan"]),
        ({"status": "dead", "q": "ada"}, ["Ada"]),
        ({"created_since": "soon", "q": "ada"}, ["Ada"]),
        ({"cursor": "forged"}, ["Grace", "Alan", "Ada"]),
    ],
)
def test_the_list_finds_by(query: dict[str, str], names: list[str]) -> None:
    in_directory("Ada", created_at="2026-01-01T00:00Z")
    in_directory("Alan", created_at="2026-02-01T00:00Z", status="suspended")
    in_directory("Grace", created_at="2026-03-01T00:00Z", source="salesforce")
    assert listed(query) == names


def test_the_list_says_what_is_wrong_beside_the_field_and_keeps_the_rest() -> None:
    response = superuser().get(USERS, {"status": "dead", "created_since": "soon"})
    said = text(response, "filters") or ""
    assert "Select a valid choice. dead is not one of the available choices." in said
    assert "Created from (UTC) Enter a time such as 2026-11-06 15:00" in said


def test_the_list_pages_without_repeating_or_dropping_anybody() -> None:
    names = {f"Person {number}" for number in range(55)}
    for name in names:
        in_directory(name)
    client = superuser()
    first = client.get(USERS)
    second = client.get(USERS + attribute(first, "pager-next", "href"))
    pages = [response.context["found"].entries for response in (first, second)]
    assert [len(entries) for entries in pages] == [50, 5]
    assert {entry.name for entries in pages for entry in entries} == names
    assert regions(second, "pager-next") == []
    assert attribute(second, "pager-first", "href") == "?"


def test_the_list_says_that_nobody_matches_and_how_to_clear() -> None:
    response = superuser().get(USERS, {"q": "nobody", "status": "active"})
    assert text(response, "empty") == (
        "No user matches. Asked for: search = nobody , status = active ."
        " Clear all filters"
    )


def test_an_id_in_the_search_leads_straight_to_its_user() -> None:
    response = superuser().get(USERS, {"q": f" {ADA} "})
    assert response.headers["Location"] == user_url(ADA)


def test_a_short_link_leads_to_the_user() -> None:
    response = superuser().get(f"/admin/u/{ADA}")
    assert response.headers["Location"] == user_url(ADA)


def test_the_pages_need_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    known_user(ADA)
    for number in range(30):
        rename(f"Ada {number}")
    projected(ADA)
    client = superuser()
    for url, most in (
        (USERS, 6),
        (user_url(ADA), 8),
        (user_url(ADA) + "?v=3", 8),
        (user_url(ADA) + "?tab=state", 8),
        (user_url(ADA) + "?tab=effects", 8),
        (user_url(ADA) + "?tab=salesforce", 9),
    ):
        with django_assert_max_num_queries(most):
            client.get(url)


def test_history_tells_what_changed_from_what_to_what() -> None:
    known_user(ADA, email="ada@example.com")
    rename("Ada King")
    (_created, event) = store.read_stream(USER.stream(ADA))
    when = f"{event.recorded_at.day} {event.recorded_at:%b %Y, %H:%M:%S} UTC"
    said = text(superuser().get(user_url(ADA)), "history") or ""
    assert said.startswith(
        "REST client tests changed name from Ada Byron to Ada King via REST API"
        f" {when} just now #{event.position:,} · v2"
        " Around here Conversation State after this"
        " name was Ada Byron → now Ada King"
        " Event data by REST client tests via REST API"
    )
    assert said.endswith(
        "v1 Around here Conversation State after this"
        " name now Ada Byron email now ada@example.com"
        " status now active"
        " Event data by REST client tests via REST API"
        ' { "email": "ada@example.com", "name": "Ada Byron" }'
    )


def test_history_gives_the_reason_of_a_status() -> None:
    known_user(ADA)
    command = ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason="OPS-7")
    services.execute(command, metadata())
    assert "Reason: OPS-7" in (text(superuser().get(user_url(ADA)), "history") or "")


def test_history_pages_through_a_long_life() -> None:
    known_user(ADA)
    for number in range(2, 251):
        rename(f"Ada {number}")
    client = superuser()

    def shown(query: str) -> tuple[int, int]:
        chapters = client.get(user_url(ADA) + query).context["chapters"]
        return chapters[0].event.version, chapters[-1].event.version

    assert shown("") == (250, 201)
    assert shown("?before=201") == (200, 151)
    assert shown("?before=51") == (50, 1)
    assert shown("?v=30") == (35, 1)
    assert shown("?before=0") == (1, 1)


def test_the_moment_is_named_and_its_chapter_marked() -> None:
    known_user(ADA)
    rename("Ada King")
    rename("Ada Lovelace")
    response = superuser().get(user_url(ADA) + "?v=2")
    assert (text(response, "tt-banner") or "").startswith(
        "You are looking at version 2,"
    )
    assert 'id="v2" aria-current="true"' in response.content.decode()
    then = text(response, "tt-then") or ""
    assert then.startswith("name then Ada King → now Ada Lovelace email")
    assert "No event between" in (text(response, "tt-why") or "")
    assert attribute(response, "tt-previous", "href") == "?v=1"
    assert attribute(response, "tt-next", "href") == "?v=3"


def test_before_the_first_event_the_page_says_when_it_came() -> None:
    known_user(ADA)
    response = superuser().get(user_url(ADA) + "?at=2020-01-01T00:00:00Z")
    (event,) = store.read_stream(USER.stream(ADA))
    when = f"{event.recorded_at.day} {event.recorded_at:%b %Y, %H:%M:%S} UTC"
    assert text(response, "tt-before") == f"Did not exist yet; created {when}."
    banner = text(response, "tt-banner")
    assert banner == (
        "You are looking at 1 Jan 2020, 00:00:00 UTC. Back to now Around this instant"
    )


def test_a_moment_may_be_asked_as_recorded_or_as_it_was_true() -> None:
    first, later = "2026-11-01T12:00:00Z", "2026-11-06T12:00:00Z"
    stream = USER.stream(ADA)
    appended(stream, occurred_at=datetime.fromisoformat(first))
    now = timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    client = superuser()
    recorded = client.get(user_url(ADA) + f"?at={later}")
    assert "Did not exist yet" in (text(recorded, "tt-before") or "")
    switch = attribute(recorded, "tt-true", "href")
    assert switch == f"?as_of={later}"
    true = client.get(user_url(ADA) + switch)
    assert text(true, "tt-banner") == (
        "You are looking at what was true at 6 Nov 2026, 12:00:00 UTC. Back to now"
        " Last event then"
    )
    assert "No event since 1 Nov 2026, 12:00:00 UTC." in (text(true, "tt-why") or "")
    assert attribute(true, "tt-recorded", "href") == f"?at={later}"
    assert text(client.get(user_url(ADA) + f"?as_of={now}"), "tt-which") == (
        "As recorded · As it was true"
    )


def test_a_typed_date_and_time_become_an_address_that_can_be_shared() -> None:
    known_user(ADA)
    query = {"date": "2026-11-06", "time": "15:00"}
    response = superuser().get(user_url(ADA), query)
    assert response.headers["Location"] == f"{user_url(ADA)}?at=2026-11-06T15:00:00Z"


def test_a_moment_without_sense_is_explained_beside_the_fields() -> None:
    known_user(ADA)
    response = superuser().get(user_url(ADA) + "?at=soon")
    assert text(response, "tt-error") == (
        "Enter a time such as 2026-11-06 15:00, yesterday 15:00 or 3pm."
    )


def test_explains_every_field_by_the_event_that_set_it() -> None:
    known_user(ADA, email="ada@example.com")
    rename("Ada King")
    (created, event) = store.read_stream(USER.stream(ADA))
    said = text(superuser().get(user_url(ADA)), "explain") or ""
    assert f"name Ada King set by #{event.position:,} , REST client tests," in said
    assert (
        f"email ada@example.com set by #{created.position:,} , REST client tests,"
        in said
    )


def test_the_state_tab_agrees_when_the_row_is_what_the_log_leads_to() -> None:
    known_user(ADA)
    projected(ADA)
    response = superuser().get(user_url(ADA) + "?tab=state")
    assert (
        "Agrees Every field of the directory is what the log leads to; Reprocess looks"
        " at the history, too."
    ) in (text(response, "state") or "")
    assert text(response, "state-name") == "name Ada Byron Ada Byron same"


def test_a_row_that_is_merely_behind_is_catching_up() -> None:
    known_user(ADA)
    projected(ADA)
    rename("Ada King")
    response = superuser().get(user_url(ADA) + "?tab=state")
    assert (text(response, "behind") or "").startswith(
        "Catching up 1 newer event is not applied to the read model yet."
    )
    assert text(response, "state-name") == ("name Ada Byron Ada King newer in the log")
    assert regions(response, "disagrees") == []
    assert "Ada King" in (text(response, "user-header") or "")


def test_a_row_that_no_event_explains_disagrees() -> None:
    known_user(ADA)
    projected(ADA)
    DirectoryEntry.objects.update(name="Broken")
    client = superuser()
    response = client.get(user_url(ADA) + "?tab=state")
    assert (text(response, "disagrees") or "").startswith(
        "Read model disagrees with log"
    )
    assert text(response, "state-name") == "name Broken Ada Byron differs"
    assert attribute(response, "state-reprocess", "href") == user_url(ADA, "reprocess/")
    rename("Ada King")
    behind_too = client.get(user_url(ADA))
    assert regions(behind_too, "disagrees") != []


def test_a_user_only_the_log_knows_has_a_page() -> None:
    known_user(ADA)
    response = superuser().get(user_url(ADA))
    assert (text(response, "behind") or "").startswith("Catching up 1 newer event")
    assert text(response, "missing") is None
    assert "Ada Byron" in (text(response, "user-header") or "")


def test_a_row_of_which_the_log_knows_nothing_has_a_page() -> None:
    known_user(ADA)
    projected(ADA)
    ghost = uuid4()
    DirectoryEntry.objects.filter(user_id=ADA).update(user_id=ghost)
    response = superuser().get(user_url(ghost))
    assert regions(response, "orphaned") != []
    assert regions(response, "change") == []


def test_a_stream_this_version_understands_nothing_of_has_a_page() -> None:
    appended(f"user-{ADA}", renamed())
    response = superuser().get(user_url(ADA))
    assert f"user-{ADA} version 1" in (text(response, "user-header") or "")


def test_the_effects_tab_shows_what_the_events_caused() -> None:
    known_user(ADA)
    client = superuser()
    url = user_url(ADA) + "?tab=effects"
    none = "Effects No event of this user called for an effect."
    assert text(client.get(url), "effects") == none
    effects.note("welcome_email", store.read_stream(USER.stream(ADA)))
    assert "welcome_email Pending version 1 0" in (
        text(client.get(url), "effects") or ""
    )


def test_says_what_waits_and_what_was_skipped_and_where() -> None:
    known_user(ADA)
    for name in ("Ada 2", "Ada 3"):
        rename(name)
    stuck = dead_letter(position=2, version=2)
    dead_letter(subscription="history", state="skipped", closed_at=timezone.now())
    dead_letter(subscription="snapshots", state="applied", closed_at=timezone.now())
    page = superuser().get(user_url(ADA))
    held = f"Held up 2 events wait in directory · dead letter {stuck.pk}"
    assert regions(page, "held") == [held]
    assert regions(page, "skipped") == ["Skipped 1 event was skipped in history"]
    url = f"/admin/eventstore/deadletter/{stuck.pk}/"
    assert attribute(page, "held-letter", "href") == url
    seer = staff("projections.view_directoryentry").get(user_url(ADA))
    assert regions(seer, "held") == ["Held up 2 events wait in directory"]


def test_an_unknown_user_is_a_page_that_says_so() -> None:
    response = superuser().get(user_url(ADA))
    assert response.status_code == 404
    said = f"There is no user {ADA}. Go to the dashboard"
    assert text(response, "not-found") == said


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_pages_are_for_reading(method: str) -> None:
    known_user(ADA)
    client = superuser()
    for url in (USERS, user_url(ADA)):
        assert getattr(client, method)(url).status_code == 405


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=1>']
)
def test_names_are_never_markup(name: str) -> None:
    known_user(ADA, name=name)
    rename(name + "!")
    projected(ADA)
    client = superuser()
    pages = ["", "?v=1", "?tab=state", "?tab=effects"]
    urls = [USERS, *(user_url(ADA) + page for page in pages)]
    urls += [user_url(ADA, "commands/change-name/"), user_url(ADA, "reprocess/")]
    for url in urls:
        assert name not in client.get(url).content.decode()
