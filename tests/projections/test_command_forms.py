from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from eventstore import store
from eventstore.events import ADMIN
from projections.admin.commands import explain
from projections.admin.forms import CreateUserForm
from projections.models import DirectoryEntry
from tests.backoffice import USERS, hidden, superuser, text, user_url
from tests.factories import ADA, known_user, metadata
from users import services
from users.aggregate import USER
from users.commands import ChangeEmail, ChangeName, ChangeStatus
from users.errors import UserNotFoundError
from users.events import (
    UserCreated,
    UserEmailChanged,
    UserNameChanged,
    UserStatusChanged,
)
from users.values import Status

pytestmark = pytest.mark.django_db
CREATE = f"{USERS}add/"


def command_url(name: str) -> str:
    return user_url(ADA, f"commands/{name}/")


def payloads(user_id: UUID = ADA) -> list[Any]:
    return [event.payload for event in store.read_stream(USER.stream(user_id))]


def send(client: Client, name: str, /, **values: str) -> Any:
    url = command_url(name)
    version = hidden(client.get(url), "expected_version")
    return client.post(url, {"expected_version": version, **values})


def test_creates_a_user_and_says_where_it_stands() -> None:
    client = superuser()
    user_id = UUID(hidden(client.get(CREATE), "user_id"))
    form = {"user_id": user_id, "name": "Ada Byron", "email": "ada@example.com"}
    response = client.post(CREATE, form)
    assert response.status_code == 303
    assert response.headers["Location"] == f"{user_url(user_id)}#v1"
    (event,) = store.read_stream(USER.stream(user_id))
    assert event.payload == UserCreated(name="Ada Byron", email="ada@example.com")
    assert (event.actor, event.source) == ("staff:root", ADMIN)
    assert event.metadata == {
        "command": "CreateUser",
        "command_id": str(event.causation_id),
        "request_id": response["X-Request-ID"],
    }
    page = client.get(user_url(user_id)).content.decode()
    assert f"Recorded as #{event.position}, version 1." in page
    assert DirectoryEntry.objects.count() == 0


def test_a_form_sent_twice_creates_one_user() -> None:
    client = superuser()
    user_id = UUID(hidden(client.get(CREATE), "user_id"))
    form = {"user_id": user_id, "name": "Ada Byron", "email": "ada@example.com"}
    client.post(CREATE, form)
    response = client.post(CREATE, form)
    assert response.headers["Location"] == user_url(user_id)
    assert len(payloads(user_id)) == 1
    page = client.get(user_url(user_id)).content.decode()
    assert "This user was created already; nothing was recorded twice." in page


def test_every_form_to_create_makes_another_user() -> None:
    client = superuser()
    ids = {hidden(client.get(CREATE), "user_id") for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("name", "values", "payload"),
    [
        (
            "change-name",
            {"name": " Ada King "},
            UserNameChanged(old_name="Ada Byron", new_name="Ada King"),
        ),
        (
            "change-email",
            {"email": "king@example.com"},
            UserEmailChanged(old_email="ada@example.com", new_email="king@example.com"),
        ),
        (
            "change-status",
            {"status": "suspended", "reason": "OPS-7"},
            UserStatusChanged(
                old_status=Status.ACTIVE, new_status=Status.SUSPENDED, reason="OPS-7"
            ),
        ),
    ],
)
def test_a_form_records_its_event(
    name: str, values: dict[str, str], payload: object
) -> None:
    known_user(ADA, email="ada@example.com")
    client = superuser()
    response = send(client, name, **values)
    assert response.status_code == 303
    assert payloads()[1:] == [payload]
    (_created, event) = store.read_stream(USER.stream(ADA))
    page = client.get(user_url(ADA)).content.decode()
    assert f"Recorded as #{event.position}, version 2." in page
    assert event.correlation_id == UUID(response.headers["X-Correlation-ID"])


def test_a_form_begins_with_what_the_log_says_now() -> None:
    known_user(ADA, name="Ada Byron")
    response = superuser().get(command_url("change-name"))
    assert hidden(response, "name") == "Ada Byron"
    assert text(response, "expected-version") == "1"


def test_a_change_that_changes_nothing_says_so() -> None:
    known_user(ADA, name="Ada Byron")
    client = superuser()
    response = send(client, "change-name", name="Ada Byron")
    assert response.status_code == 303
    page = client.get(user_url(ADA)).content.decode()
    assert "Nothing to do: it is so already." in page
    assert len(payloads()) == 1


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("change-name", {"name": ""}, "Name : This field is required."),
        (
            "change-name",
            {"name": "a\u202eb"},
            "Name : Remove control and invisible characters.",
        ),
        ("change-email", {"email": "x"}, "E-mail : Enter a valid e-mail address."),
        (
            "change-email",
            {"email": "TAKEN@example.com"},
            "E-mail : Another user holds this e-mail address.",
        ),
        ("change-status", {"status": "dead"}, "Status : Choose one of the statuses."),
        (
            "change-status",
            {"status": "suspended", "reason": "a\u202eb"},
            "Reason : Remove control and invisible characters.",
        ),
    ],
)
def test_a_refusal_is_explained_and_keeps_the_input(
    name: str, values: dict[str, str], error: str
) -> None:
    known_user(ADA)
    known_user(email="taken@example.com")
    response = send(superuser(), name, **values)
    assert response.status_code == 422
    assert text(response, "error-summary") == f"Not recorded {error}"
    form = response.context["form"]
    assert {field: form[field].value() for field in values} == values
    assert len(payloads()) == 1


def test_a_status_that_may_not_follow_is_refused_and_never_offered() -> None:
    known_user(ADA)
    client = superuser()
    services.execute(ChangeStatus(user_id=ADA, status=Status.DEACTIVATED), metadata())
    offered = client.get(command_url("change-status")).context["form"]
    assert [value for value, _ in offered.fields["status"].widget.choices] == [
        "active",
        "deactivated",
    ]
    response = send(client, "change-status", status="suspended")
    assert text(response, "error-summary") == (
        "Not recorded Status : A user who is deactivated cannot become suspended."
    )


def test_an_account_is_closed_with_a_reason_and_a_second_look() -> None:
    known_user(ADA)
    client = superuser()
    without = send(client, "change-status", status="deactivated", reason=" ")
    assert text(without, "error-summary") == (
        "Not recorded Reason : Say why the user is deactivated."
    )
    asked = {"status": "deactivated", "reason": "OPS <7>"}
    again = send(client, "change-status", **asked)
    assert (again.status_code, len(payloads())) == (200, 1)
    assert "not suspended" in (text(again, "warning") or "")
    assert text(again, "where") == "Tests"
    form = again.context["form"]
    assert {name: form[name].value() for name in asked} == asked
    said = {name: hidden(again, name) for name in ("confirmed", "expected_version")}
    done = client.post(command_url("change-status"), asked | said)
    assert done.headers["Location"] == f"{user_url(ADA)}#v2"
    assert payloads()[1:] == [
        UserStatusChanged(
            old_status=Status.ACTIVE, new_status=Status.DEACTIVATED, reason="OPS <7>"
        )
    ]


def test_a_yes_to_closing_is_no_yes_without_a_reason() -> None:
    known_user(ADA)
    sent = {"status": "deactivated", "confirmed": "deactivated", "reason": ""}
    assert send(superuser(), "change-status", **sent).status_code == 422
    assert len(payloads()) == 1


def test_creating_with_a_taken_address_keeps_the_input() -> None:
    known_user(email="taken@example.com")
    form = {"user_id": ADA, "name": "Ada", "email": "taken@example.com"}
    response = superuser().post(CREATE, form)
    assert response.status_code == 422
    assert hidden(response, "name") == "Ada"
    assert text(response, "error-summary") == (
        "Not recorded E-mail : Another user holds this e-mail address."
    )
    assert payloads() == []


def test_the_second_of_two_tabs_sees_what_changed_meanwhile_and_by_whom() -> None:
    known_user(ADA)
    client = superuser()
    url = command_url("change-name")
    version = hidden(client.get(url), "expected_version")
    services.execute(
        ChangeName(user_id=ADA, name="Theirs"), metadata(actor="staff:grace")
    )
    services.execute(ChangeEmail(user_id=ADA, email="new@example.com"), metadata())
    response = client.post(url, {"name": "Mine", "expected_version": version})
    assert response.status_code == 409
    said = text(response, "conflict") or ""
    assert "grace changed name from Ada Byron to Theirs" in said
    assert "REST client tests changed e-mail" in said
    assert hidden(response, "name") == "Mine"
    assert (text(response, "submit"), text(response, "discard")) == (
        "Apply mine on top",
        "Discard",
    )
    assert len(payloads()) == 3


def test_mine_goes_on_top_when_the_person_says_so() -> None:
    known_user(ADA)
    client = superuser()
    url = command_url("change-name")
    services.execute(ChangeName(user_id=ADA, name="Theirs"), metadata())
    conflict = client.post(url, {"name": "Mine", "expected_version": "1"})
    form = {
        "name": hidden(conflict, "name"),
        "expected_version": hidden(conflict, "expected_version"),
    }
    assert client.post(url, form).status_code == 303
    assert payloads()[-1] == UserNameChanged(old_name="Theirs", new_name="Mine")


def test_a_change_sent_twice_is_recorded_once() -> None:
    known_user(ADA)
    client = superuser()
    form = {"name": "Ada King", "expected_version": "1"}
    answers = [client.post(command_url("change-name"), form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(payloads()) == 2


@pytest.mark.parametrize("version", ["", "x", "-1"])
def test_a_form_without_its_version_is_incomplete(version: str) -> None:
    known_user(ADA)
    form = {"name": "Ada King", "expected_version": version}
    response = superuser().post(command_url("change-name"), form)
    assert response.status_code == 422
    assert text(response, "error-summary") == (
        "Not recorded This form is incomplete; open it again."
    )
    assert len(payloads()) == 1


@pytest.mark.parametrize("name", ["change-name", "change-email", "change-status"])
def test_nobody_can_change_a_user_who_is_none(name: str) -> None:
    client = superuser()
    url = command_url(name)
    assert client.get(url).status_code == 404
    form = {"name": "x", "email": "x@example.com", "status": "active"}
    assert client.post(url, {**form, "expected_version": 0}).status_code == 404
    assert payloads() == []


def test_a_form_from_elsewhere_is_refused_in_the_back_office_look() -> None:
    known_user(ADA)
    client = superuser()
    client.handler.enforce_csrf_checks = True
    response = client.post(command_url("change-name"), {"name": "x"})
    assert response.status_code == 403
    assert "This form expired" in (text(response, "csrf") or "")
    assert len(payloads()) == 1


def test_what_the_rules_forbid_meanwhile_is_a_conflict_too() -> None:
    known_user(ADA)
    command = ChangeStatus(user_id=ADA, status=Status.DEACTIVATED)
    services.execute(command, metadata())
    form = {"status": "suspended", "expected_version": "1"}
    response = superuser().post(command_url("change-status"), form)
    assert response.status_code == 409
    assert "from active to deactivated" in (text(response, "conflict") or "")


def test_a_refusal_about_no_field_stands_above_the_form() -> None:
    form = CreateUserForm({})
    explain(form, UserNotFoundError(ADA))
    assert form.non_field_errors() == [f"There is no user {ADA}."]
