"""The tab "Salesforce" of a user's page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from pytest_django import DjangoAssertNumQueries

from eventstore import store
from eventstore.intake import raw
from eventstore.intake.models import RawRecord
from tests.backoffice import attribute, regions, staff, superuser, text, user_url
from tests.factories import ADA, known_user, metadata
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import finish, log, run
from users import services
from users.aggregate import USER
from users.commands import ChangeName, EraseUser
from users.models import SalesforceLink, SalesforceRun
from users.sources.salesforce import records
from users.sources.salesforce.events import SalesforceRunStarted
from users.sources.salesforce.run_state import Mode
from users.values import ErasureGround

pytestmark = pytest.mark.django_db
SEE = ("projections.view_directoryentry", "users.view_salesforcerun")
PERSONS = "eventstore.view_personal_data"


def made(org: Salesforce, **changes: Any) -> tuple[str, UUID]:
    """Make a Contact and read it; return the record and its user."""
    told = {"FirstName": "Ada", "LastName": "Byron", "Email": "ada@example.com"}
    identity = org.org.create(**told | changes)
    run()
    return identity, SalesforceLink.objects.get(sf_id=identity).user_id


def tab(user_id: UUID, client: Any = None) -> Any:
    return (client or superuser()).get(user_url(user_id) + "?tab=salesforce")


def said(page: Any) -> list[str]:
    """Return the rows of the table: field, theirs, ours, compared, owner."""
    names = ("name", "email", "status")
    return [text(page, f"said-{name}") or "" for name in names]


def test_the_tab_says_who_says_what(connected: Salesforce) -> None:
    identity, user_id = made(connected)
    page = tab(user_id)
    assert page.context["tab"] == "salesforce"
    assert said(page) == [
        "name Ada Byron Ada Byron same Salesforce is right",
        "email ada@example.com ada@example.com same Salesforce is right",
        "status active active same Salesforce is right",
    ]
    head = text(page, "salesforce-record") or ""
    assert head.startswith(f"Contact {identity} Linked Org {connected.org.org_id} ")
    reading = SalesforceRun.objects.get()
    assert attribute(page, "record-run", "href").endswith(f"{reading.run_id}/")
    assert attribute(page, "open-record", "href") == f"{connected.url}/{identity}"
    assert attribute(page, "open-record", "rel") == "noopener noreferrer"
    record = RawRecord.objects.get()
    assert attribute(page, "record-raw", "href").endswith(f"{record.record_id}/")


def test_what_was_changed_here_alone_differs_and_is_kept(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {
        "FIELD_OWNERS": {"name": "local", "email": "newest"}
    }
    _identity, user_id = made(connected, Status__c="On hold")
    services.execute(ChangeName(user_id=user_id, name="Ada <King>"), metadata())
    assert said(tab(user_id)) == [
        "name Ada Byron Ada <King> differs we are right",
        "email ada@example.com ada@example.com same the newer change is right",
        "status suspended suspended same somebody decides",
    ]


def test_an_open_conflict_stands_there_with_all_three(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"FIELD_OWNERS": {"name": "manual"}}
    identity, user_id = made(connected)
    services.execute(ChangeName(user_id=user_id, name="Ada King"), metadata())
    connected.org.update(identity, LastName="Lovelace")
    run(Mode.RECORD, ids=[identity])
    page = tab(user_id)
    (conflict,) = regions(page, "conflict")
    assert conflict.startswith("Open conflict about the name both changed it")
    assert "Both said Ada Byron We say Ada King Salesforce says Ada Lovelace" in (
        conflict
    )
    assert said(page)[0] == "name Ada Lovelace Ada King differs somebody decides"
    last = SalesforceRun.objects.order_by("-started_at")[0]
    assert attribute(page, "record-run", "href").endswith(f"{last.run_id}/")
    masked = tab(user_id, staff(*SEE))
    assert "Both said (masked) We say (masked)" in regions(masked, "conflict")[0]


def test_who_may_not_see_people_sees_that_they_differ(connected: Salesforce) -> None:
    _identity, user_id = made(connected)
    rename = ChangeName(user_id=user_id, name="Ada King")
    services.execute(rename, metadata(), overrides=True)
    page = tab(user_id, staff(*SEE))
    assert said(page) == [
        "name (masked) (masked) differs Salesforce is right",
        "email (masked) (masked) same Salesforce is right",
        "status active active same Salesforce is right",
    ]
    for secret in ("Ada", "Byron", "King", "ada@example.com"):
        assert secret not in page.content.decode()
    assert "Ada King" in tab(user_id, staff(*SEE, PERSONS)).content.decode()


def test_without_the_right_there_is_no_tab(connected: Salesforce) -> None:
    _identity, user_id = made(connected)
    page = tab(user_id, staff("projections.view_directoryentry", PERSONS))
    assert page.context["tab"] == "history"
    assert text(page, "tab-salesforce") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ENABLED": False}, "Salesforce is not connected."),
        ({}, "give both sides the same e-mail address"),
        ({"MATCH_BY_EMAIL": False}, "SALESFORCE_MATCH_BY_EMAIL is off"),
    ],
)
@pytest.mark.usefixtures("connected")
def test_without_a_record_it_says_what_to_do(
    settings: LazySettings, changes: dict[str, Any], words: str
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | changes
    known_user(ADA)
    page = tab(ADA)
    empty = text(page, "salesforce-empty") or ""
    assert empty.startswith("No record of Salesforce tells of this user.")
    assert words in empty
    assert text(page, "fetch") is None


def test_a_person_who_was_erased(connected: Salesforce) -> None:
    identity, user_id = made(connected)
    command = EraseUser(user_id=user_id, ground=ErasureGround.REQUEST)
    services.execute(command, metadata())
    for lastname in ("Lovelace", "King"):
        page = tab(user_id)
        record = text(page, "salesforce-record") or ""
        assert "Ignored: the person was erased" in record
        assert "Byron" not in page.content.decode()
        assert lastname not in page.content.decode()
        assert (text(page, "fetch"), said(page)) == (None, ["", "", ""])
        connected.org.update(identity, LastName=lastname)
        run(Mode.RECORD, ids=[identity])


def test_what_is_not_kept_any_more_is_still_compared(connected: Salesforce) -> None:
    _identity, user_id = made(connected)
    raw.delete_bodies(list(RawRecord.objects.values_list("record_id", flat=True)))
    page = tab(user_id)
    assert "is not kept any more" in (text(page, "record-problem") or "")
    assert said(page)[0] == "name — Ada Byron same Salesforce is right"


def test_a_record_that_makes_no_sense_is_told_with_its_code(
    connected: Salesforce, settings: LazySettings
) -> None:
    _identity, user_id = made(connected)
    settings.SALESFORCE = settings.SALESFORCE | {
        "STATUS_MAP": {"Other": "active", "": "odd"}
    }
    page = tab(user_id)
    assert "makes no sense: unknown_status" in (text(page, "record-problem") or "")


def test_who_is_to_be_deactivated_is_told(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"BRAKE_MIN": 0, "BRAKE_RATIO": 0.0}
    identity, user_id = made(connected)
    connected.org.delete(identity)
    held = run(Mode.RECONCILE)
    assert held.state == "awaiting_approval"
    assert "salesforce_deleted" in (text(tab(user_id), "withheld") or "")
    run_page = f"/admin/users/salesforcerun/{held.run_id}/"
    superuser().post(f"{run_page}approve/", {"reason": "they left"})
    finish(held)
    page = tab(user_id)
    assert text(page, "withheld") is None
    assert "Deleted there" in (text(page, "salesforce-record") or "")


def test_a_record_is_fetched_now_and_who_asked_is_recorded(
    connected: Salesforce,
) -> None:
    identity, user_id = made(connected)
    connected.org.update(identity, LastName="Lovelace")
    answer = superuser().post(user_url(user_id, "salesforce/"))
    started = SalesforceRun.objects.order_by("-started_at")[0]
    assert answer["Location"] == f"/admin/users/salesforcerun/{started.run_id}/"
    event = log(SalesforceRunStarted)[-1]
    assert event.actor == "staff:root"
    assert (event.payload.mode, event.payload.ids) == ("record", [identity])
    assert finish(started).counts["changed"] == 1
    assert said(tab(user_id))[0].startswith("name Ada Lovelace Ada Lovelace same")


def test_what_cannot_be_fetched_says_why(
    connected: Salesforce, settings: LazySettings
) -> None:
    _identity, user_id = made(connected)
    client = superuser()

    def told(user_id: UUID) -> str:
        answer = client.post(user_url(user_id, "salesforce/"), follow=True)
        (message,) = answer.context["messages"]
        return str(message)

    client.post(user_url(user_id, "salesforce/"))
    assert told(user_id).startswith("Another Salesforce run is under way: ")
    known_user(ADA)
    assert told(ADA) == "No record of Salesforce tells of this user."
    settings.SALESFORCE = settings.SALESFORCE | {"ENABLED": False}
    assert told(user_id).startswith("Salesforce is not enabled")
    assert client.get(user_url(user_id, "salesforce/")).status_code == 405
    seer = staff(*SEE)
    assert seer.post(user_url(user_id, "salesforce/")).status_code == 403
    assert text(tab(user_id, seer), "fetch") is None
    starter = staff("projections.view_directoryentry", "users.add_salesforcerun")
    assert starter.post(user_url(user_id, "salesforce/")).status_code == 303


@pytest.mark.parametrize(
    ("login_url", "expected"),
    [
        ("https://example.my.salesforce.com", "https://example.my.salesforce.com/003A"),
        ("https://x.example.com:8443/a/?b#c", "https://x.example.com:8443/003A"),
        ("https://user:secret@example.com/", "https://example.com/003A"),
        ("http://127.0.0.1:8020", "http://127.0.0.1:8020/003A"),
        *((url, "") for url in ("", "http://example.com", "javascript:alert(1)")),
        *((url, "") for url in ("https://", "https://[", "HTTPS://x", "//x")),
    ],
)
def test_a_record_is_opened_only_at_a_safe_address(
    login_url: str, expected: str
) -> None:
    assert records.address("003A", login_url) == expected


def test_the_tab_needs_few_queries(
    connected: Salesforce, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    _identity, user_id = made(connected)
    client = superuser()
    assert store.read_stream(USER.stream(user_id))
    with django_assert_max_num_queries(16):
        tab(user_id, client)
