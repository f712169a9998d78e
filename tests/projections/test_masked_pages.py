"""Staff who may not see people: no page of any address tells them, and none is a way
to ask who has which name."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, reverse
from pytest_django import DjangoAssertNumQueries

from config import access
from eventstore import rebuilds, store
from eventstore.admin import sight
from eventstore.approvals import keeping
from eventstore.approvals.events import ERASURE
from eventstore.intake import inbox
from eventstore.models import StoredEvent
from projections import scopes
from projections.models import DirectoryEntry
from projections.tasks import check_drift
from tests.backoffice import (
    EVENTS,
    USERS,
    hidden,
    in_role,
    projected,
    regions,
    staff,
    text,
    user_url,
)
from tests.factories import ADA, dead_letter, failed_effect, known_user, metadata
from tests.intake import crm, receive, work
from tests.rebuilds import done
from tests.repairs import as_operator, break_period, break_row, catch_up, started
from users import services
from users.aggregate import USER
from users.commands import ChangeEmail, ChangeName, ChangeStatus, EraseUser
from users.values import ErasureGround, Status

__all__ = ["crm"]
pytestmark = pytest.mark.usefixtures("crm")
STREAM = USER.stream(ADA)
TALK = uuid4()
OTHER = UUID("00000000-0000-4000-8000-0000000000b0")
NAME, NEW_NAME, ADDRESS, NEW_ADDRESS, REASON, UNSEEN = CANARIES = (
    "Zerlina Quux",
    "Zerlina Grault",
    "zquux@example.com",
    "zgrault@example.com",
    "waldo told us",
    "Never Told",
)
CANARY_WORDS = ("zerlina", "quux", "grault", "waldo", "never told")
REVEAL = user_url(ADA, "reveal/")
MASKED = "(masked)"


@pytest.fixture(autouse=True)
def somebody(committed_db: str) -> None:
    """Two people, one with a story; committed, as pages end at the watermark."""
    del committed_db
    known_user(ADA, name=NAME, email=ADDRESS)
    about = metadata(correlation_id=TALK)
    for command in (
        ChangeName(user_id=ADA, name=NEW_NAME),
        ChangeEmail(user_id=ADA, email=NEW_ADDRESS),
        ChangeStatus(user_id=ADA, status=Status.SUSPENDED, reason=REASON),
    ):
        services.execute(command, about)
    projected(ADA)
    known_user(OTHER, name=UNSEEN)
    projected(OTHER)
    events = store.read_stream(STREAM)
    dead_letter(id=1, state="parked", position=events[0].position)
    DirectoryEntry.objects.filter(user_id=ADA).update(name="Zerlina Drifted")


def told(response: Any) -> list[str]:
    page = response.getvalue().decode().lower()  # also of what is streamed
    return [word for word in CANARY_WORDS if word in page]


def troubles() -> dict[str, list[tuple[Any, ...]]]:
    """Have something wrong everywhere; return the addresses that tell of it."""
    catch_up()
    break_row(ADA, name="Zerlina Drifted", email=ADDRESS)
    break_period(ADA, name="Zerlina Then")
    check_drift()
    effect = failed_effect(STREAM)
    record_id = receive({"id": "1", "name": NAME, "email": ADDRESS, "status": "odd"})
    work()
    run = started(scopes.selected([ADA]))
    with as_operator():
        rebuilds.start("directory", reason="OPS-1")
        values = {"ground": "request", "version": "4"}
        approval = keeping.ask(ERASURE, STREAM, values=values, reason=REASON, account=0)
    done()
    (group,) = inbox.groups()
    records = ("raw_record", "reprocess_raw_record", "skip_raw_record")
    return {
        "resend_effect": [(ADA, effect.pk)],
        **{name: [(record_id,)] for name in records},
        "retry_records": [(group.fingerprint,)],
        "reprocess_run": [(run.run_id,)],
        "approval": [(approval,)],
        "rebuild_subscription": [("directory",)],
    }


def every_page() -> list[str]:
    """Return each address of our own that can be made of what there is."""
    given: dict[str, list[tuple[Any, ...]]] = {
        "event": [(event.position,) for event in store.read_stream(STREAM)],
        "conversation": [(TALK,)],
        "stream": [(STREAM,)],
        "dead_letter": [(1,)],
        "pause_subscription": [("directory",)],
        "retry_letters": [("0123456789ab",)],
        **troubles(),
    }
    pages = []
    for name in access.PAGES:
        for arguments in (*given.get(name, ()), (), (ADA,)):
            with contextlib.suppress(NoReverseMatch):
                pages.append(reverse(f"admin:{name}", args=arguments))
    return [page for page in pages if "logout" not in page]


def views(urls: list[str]) -> list[str]:
    tabs = [user_url(ADA) + query for query in QUERIES]
    lists = [f"{EVENTS}?expand=1", f"{EVENTS}?stream={STREAM}&expand=1"]
    talks = [f"/admin/c/{TALK}?view={view}" for view in ("table", "lanes")]
    raw = [f"{url}?raw=1" for url in urls if url.startswith(EVENTS) and url != EVENTS]
    around = store.read_stream(STREAM)[1].recorded_at.isoformat()
    times = [f"{EVENTS}?around={around.replace('+', '%2B')}&expand=1&window=1d"]
    return [
        *urls,
        *tabs,
        *lists,
        *talks,
        *raw,
        *times,
        *REPAIRS,
        f"/admin/s/{STREAM}?from=0&to=4",
    ]


QUERIES = (
    "?tab=state",
    "?tab=effects",
    "?tab=salesforce",
    "?v=2",
    "?at=2999-01-01T00:00:00Z",
    "?as_of=2026-01-01T00:00:00Z",
)

NEW_RUN = "/admin/projections/reprocess/new/"
CSV = f"{NEW_RUN}differences.csv?user={ADA}"
PREVIEW = f"{NEW_RUN}?user={ADA}"
REPAIRS = (
    PREVIEW,
    CSV,
    *(f"{NEW_RUN}?scope={scope}" for scope in ("all", "drifted", "touched", "filter")),
    f"{NEW_RUN}differences.csv?scope=all",
    "/admin/eventstore/stream/?category=user",
    "/admin/audit/?expand=1",
)

# Everything but seeing people.
RIGHTS = (
    "eventstore.view_storedevent",
    "eventstore.view_checkpoint",
    "eventstore.change_checkpoint",
    "eventstore.view_deadletter",
    "eventstore.change_deadletter",
    "eventstore.skip_deadletter",
    "eventstore.reveal_personal_data",
    "eventstore.view_webhookendpoint",
    "eventstore.change_webhookendpoint",
    "projections.view_directoryentry",
    "projections.reprocess",
    "projections.rebuild",
    "eventstore.change_effect",
    "eventstore.view_rawrecord",
    "eventstore.reprocess_rawrecord",
    "eventstore.skip_rawrecord",
    "eventstore.view_audit",
    "users.issue_command",
    "users.erase_user",
    "users.view_apitoken",
    "users.add_apitoken",
)


def revealed(client: Client, reason: str = "ticket OPS-412") -> Any:
    return client.post(REVEAL, {"reason": reason})


def test_no_page_tells_of_anybody() -> None:
    client = staff(*RIGHTS)
    urls = views(every_page())
    assert len(urls) > 60
    leaks = {url: told(client.get(url, follow=True)) for url in urls}
    assert {url: words for url, words in leaks.items() if words} == {}
    assert told(client.get(user_url(ADA), {"q": "x"})) == []


def test_whoever_may_see_people_sees_them_on_the_same_pages() -> None:
    client = staff(*RIGHTS, sight.SEE)
    telling = [url for url in views(every_page()) if told(client.get(url, follow=True))]
    for url in (
        PREVIEW,
        CSV,
        EVENTS,
        USERS,
        user_url(ADA),
        f"/admin/s/{STREAM}",
        f"/admin/c/{TALK}",
    ):
        assert url in telling
    assert "masked" not in client.get(user_url(ADA)).content.decode()


def test_what_happened_is_still_told() -> None:
    client = in_role("Viewer")
    page = client.get(user_url(ADA))
    history = text(page, "history") or ""
    assert f"REST client tests changed name from {MASKED} to {MASKED}" in history
    assert "suspended" in history
    assert (text(page, "user-header") or "").startswith(f"user-{ADA} Suspended")
    state = client.get(user_url(ADA), {"tab": "state"})
    assert text(state, "state-name") == f"name {MASKED} {MASKED} differs"
    assert text(state, "state-status") == "status suspended suspended same"
    row = text(client.get(USERS), "users-table") or ""
    assert str(ADA) in row


@pytest.mark.parametrize("typed", [ADDRESS, NEW_ADDRESS, "zer", "nobody", "a@b.org"])
def test_no_search_tells_whether_there_is_such_a_person(typed: str) -> None:
    client = in_role("Operator")
    answers = [
        client.post("/admin/goto", {"q": typed}),
        client.get(USERS, {"q": typed}),
        client.get(USERS, {"email": typed}),
        client.get(NEW_RUN, {"scope": "filter", "q": typed}, follow=True),
        client.get(NEW_RUN, {"scope": "filter", "email": typed}, follow=True),
        client.get(f"{NEW_RUN}differences.csv", {"scope": "filter", "q": typed}),
    ]
    if "@" in typed:
        answers.append(client.get(EVENTS, {"stream": typed}))
    for answer in answers:
        assert "People are found here by id only" in answer.content.decode()
        assert "Location" not in answer
    assert text(answers[1], "users-table") == text(client.get(USERS), "users-table")


def test_an_id_still_leads_to_its_user() -> None:
    client = in_role("Operator")
    by_goto = client.post("/admin/goto", {"q": str(ADA)})
    by_list = client.get(USERS, {"q": str(ADA)})
    assert by_goto["Location"] == by_list["Location"] == user_url(ADA)


def test_a_form_does_not_begin_with_what_may_not_be_seen() -> None:
    client = staff(*RIGHTS)
    page = client.get(user_url(ADA, "commands/change-name/"))
    assert 'value="(masked)"' not in page.content.decode()
    version = hidden(page, "expected_version")
    form = {"expected_version": version, "name": "Ada King"}
    assert client.post(user_url(ADA, "commands/change-name/"), form).status_code == 303
    again = client.post(user_url(ADA, "commands/change-name/"), form | {"name": "X"})
    assert (again.status_code, "Ada King" in again.content.decode()) == (409, False)


def test_reveal_shows_one_person_and_says_in_the_log_who_looked_at_whom() -> None:
    client = in_role("Viewer")
    answer = revealed(client)
    assert (answer.status_code, answer["Location"]) == (303, user_url(ADA))
    page = client.get(user_url(ADA))
    assert (
        NEW_NAME in page.content.decode(),
        NEW_ADDRESS in page.content.decode(),
    ) == (
        True,
        True,
    )
    assert text(page, "revealed")
    assert told(client.get(user_url(OTHER))) == []
    listed = client.get(USERS).content.decode()
    assert ("Zerlina Drifted" in listed, UNSEEN in listed) == (True, False)
    (viewed,) = StoredEvent.objects.filter(type="PersonalDataViewed")
    assert viewed.actor.startswith("staff:viewer-")
    (event,) = store.read_stream(viewed.stream)
    assert (event.data["subject"], event.data["reason"]) == (STREAM, "ticket OPS-412")
    assert "ticket" not in str(viewed.data)  # sealed for the person


def test_revealing_ends_after_a_quarter_of_an_hour_and_with_the_session() -> None:
    client = in_role("Viewer")
    revealed(client)
    session = client.session
    until = session[sight.SESSION_KEY][STREAM]
    (event,) = store.read_stream(
        StoredEvent.objects.get(type="PersonalDataViewed").stream
    )
    assert until - event.recorded_at.timestamp() == pytest.approx(900, abs=5)
    session[sight.SESSION_KEY] = {STREAM: until - 901}
    session.save()
    page = client.get(user_url(ADA))
    assert (told(page), text(page, "revealed")) == ([], None)
    revealed(client)
    client.post("/admin/logout/")
    assert client.session.get(sight.SESSION_KEY) is None


def test_revealing_ends_at_once_for_whoever_hides_again_and_for_that_person() -> None:
    client = in_role("Viewer")
    assert regions(client.get(user_url(ADA)), "hide") == []
    for person in (ADA, OTHER):
        client.post(user_url(person, "reveal/"), {"reason": "ticket OPS-412"})
    assert regions(client.get(user_url(ADA)), "hide") == ["Hide again"]
    answer = client.post(REVEAL, {"hide": "1"})
    assert (answer.status_code, answer["Location"]) == (303, user_url(ADA))
    page = client.get(user_url(ADA))
    assert (told(page), text(page, "revealed")) == ([], None)
    assert text(client.get(user_url(OTHER)), "revealed")
    assert client.post(REVEAL, {"hide": "1"}).status_code == 303  # twice is once
    assert StoredEvent.objects.filter(type="PersonalDataViewed").count() == 2


def test_revealing_ends_with_the_right_to_reveal() -> None:
    client = staff("projections.view_directoryentry", sight.REVEAL)
    revealed(client)
    assert told(client.get(user_url(ADA)))
    User.objects.get(pk=client.session["_auth_user_id"]).user_permissions.clear()
    assert told(client.get(user_url(ADA))) == []


@pytest.mark.parametrize("reason", ["", " ", "\u202e", "x" * 501])
def test_nothing_is_revealed_without_a_reason(reason: str) -> None:
    client = in_role("Viewer")
    assert revealed(client, reason).status_code == 422
    assert told(client.get(user_url(ADA))) == []
    assert not StoredEvent.objects.filter(type="PersonalDataViewed").exists()


def test_nobody_is_revealed_by_those_who_may_not_or_who_see_already() -> None:
    for client in (staff("projections.view_directoryentry"), in_role("Agent")):
        assert revealed(client).status_code == 403
    agent = in_role("Agent").get(user_url(ADA))
    assert (text(agent, "reveal"), text(agent, "masked")) == (None, None)


def test_there_is_nothing_to_reveal_of_the_erased_and_the_unknown() -> None:
    client = in_role("Viewer")
    services.execute(EraseUser(user_id=ADA, ground=ErasureGround.REQUEST), metadata())
    answer = revealed(client)
    assert (answer.status_code, answer["Location"]) == (303, user_url(ADA))
    assert client.get(user_url(uuid4(), "reveal/")).status_code == 404
    assert not StoredEvent.objects.filter(type="PersonalDataViewed").exists()


def test_nobody_sends_elsewhere_what_they_may_not_see() -> None:
    form = {"name": "crm", "url": "https://1.1.1.1/", "personal": "yes"}
    client = staff(*RIGHTS)
    assert client.post("/admin/eventstore/add-webhook/", form).status_code == 422


def test_masking_costs_no_query(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = in_role("Viewer")
    for url, most in ((USERS, 6), (EVENTS, 6), (user_url(ADA), 8)):
        with django_assert_max_num_queries(most + 2):  # the session and its account
            assert client.get(url).status_code == 200
