"""What Salesforce owns is not changed here, but by staff who may override it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from eventstore import store
from eventstore.events import ADMIN, INTAKE, SALESFORCE, SYSTEM
from tests.backoffice import in_role, staff
from tests.factories import ADA, NOON, known_user, metadata
from tests.rest import client, post, problem
from tests.salesforce.answers import Salesforce
from tests.salesforce.here import ours, run
from tests.users.salesforce.acting import as_staff
from users import services
from users.aggregate import USER
from users.commands import ChangeName, ChangeStatus
from users.errors import OwnedElsewhereError
from users.models import SalesforceConflict, SalesforceLink, UnrecordedCommand
from users.sources.salesforce import conflicts, translate
from users.sources.salesforce.run_state import Mode
from users.values import Status

pytestmark = pytest.mark.django_db
BOB = UUID("00000000-0000-4000-8000-00000000b0b0")
URL = f"/api/v1/users/{ADA}"
BODIES = {
    "name": {"name": "Ada King"},
    "email": {"email": "king@example.com"},
    "status": {"status": "suspended"},
}
ALL = dict.fromkeys(BODIES, "salesforce")
TOLD = (
    "Salesforce owns the {} of this user: change it there, or ask somebody on the"
    " staff with the permission override_owner."
)


def link(user_id: UUID = ADA, **changes: Any) -> None:
    told = {"sf_id": "003000000000001AAA", "sobject": "Contact", "state": "linked"}
    SalesforceLink.objects.create(
        user_id=user_id, stamp=NOON, modified=NOON, **told | changes
    )


@pytest.fixture
def owned(settings: LazySettings) -> LazySettings:
    """Let Salesforce own everything of Ada, who is linked, and nothing of Bob."""
    settings.SALESFORCE = settings.SALESFORCE | {"ENABLED": True, "FIELD_OWNERS": ALL}
    known_user(ADA)
    known_user(BOB, email="bob@example.com")
    link()
    return settings


def asks(queries: CaptureQueriesContext) -> int:
    """Return how often it was asked who is linked."""
    said = [each["sql"] for each in queries.captured_queries]
    return sum("users_salesforcelink" in sql for sql in said)


@pytest.mark.usefixtures("owned")
@pytest.mark.parametrize("attribute", BODIES)
def test_a_client_is_told_who_owns_it(attribute: str) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = post(client(), f"{URL}/{attribute}", BODIES[attribute])
    told = problem(answer)
    command_id = told.pop("command_id")
    assert (answer.status_code, told) == (
        409,
        {
            "type": "urn:annals:problem:owned-by-salesforce",
            "title": "Owned by Salesforce",
            "status": 409,
            "detail": TOLD.format(attribute),
        },
    )
    assert asks(queries) == 1
    assert len(store.read_stream(USER.stream(ADA))) == 1
    kept = UnrecordedCommand.objects.get(command_id=command_id).problem
    assert kept
    assert kept["title"] == "Owned by Salesforce"


@pytest.mark.usefixtures("owned")
def test_what_changes_nothing_and_an_erasure_are_not_refused() -> None:
    api = client()
    with CaptureQueriesContext(connection) as queries:
        same = post(api, f"{URL}/name", {"name": "Ada Byron"})
        gone = post(api, f"{URL}/erase", {"ground": "request"})
    assert (same.status_code, gone.status_code, asks(queries)) == (200, 202, 0)


@pytest.mark.parametrize(
    ("settings_say", "link_says", "asked"),
    [
        ({"FIELD_OWNERS": ALL | {"name": "newest"}}, {}, 0),
        ({"FIELD_OWNERS": {}}, {}, 0),
        ({"ENABLED": False}, {}, 0),
        ({}, {"user_id": BOB}, 1),
        ({}, {"sobject": "Lead"}, 1),
        *(({}, {"state": state}, 1) for state in ("deleted", "merged", "absent")),
    ],
)
def test_what_is_not_theirs_is_changed_here(
    owned: LazySettings,
    settings_say: dict[str, Any],
    link_says: dict[str, Any],
    asked: int,
) -> None:
    owned.SALESFORCE |= settings_say
    SalesforceLink.objects.update(**link_says)
    with CaptureQueriesContext(connection) as queries:
        answer = post(client(), f"{URL}/name", BODIES["name"])
    assert (answer.status_code, asks(queries)) == (202, asked)


@pytest.mark.usefixtures("owned")
def test_one_command_of_a_batch_is_refused_and_asks_once_for_all() -> None:
    commands = [
        {"command": "change_name", "user_id": str(ADA), "name": "Ada Byron"},
        {"command": "change_email", "user_id": str(ADA), "email": "k@example.com"},
        {"command": "change_name", "user_id": str(BOB), "name": "Rob"},
        {"command": "create_user", "name": "Eve", "email": "eve@example.com"},
    ]
    with CaptureQueriesContext(connection) as queries:
        answer = post(client(), "/api/v1/users/commands", {"commands": commands})
    told = answer.json()["results"]
    assert [each["status"] for each in told] == [424, 409, 202, 202]
    assert told[1]["problem"] == {
        "type": "urn:annals:problem:owned-by-salesforce",
        "title": "Owned by Salesforce",
        "status": 409,
        "detail": TOLD.format("email"),
    }
    assert asks(queries) == 1
    assert len(store.read_stream(USER.stream(ADA))) == 1


@pytest.mark.usefixtures("owned")
def test_who_is_made_and_changed_in_a_batch_is_owned_by_nobody() -> None:
    for user_id, email, expected in (
        (ADA, "new@example.com", [409, 424]),  # she is there already
        (UUID(int=7), "new@example.com", [202, 202]),
    ):
        commands = [
            {"command": "create_user", "id": str(user_id), "name": "N", "email": email},
            {"command": "change_name", "user_id": str(user_id), "name": "M"},
        ]
        told = post(
            client(str(user_id)), "/api/v1/users/commands", {"commands": commands}
        )
        results = told.json()["results"]
        assert [each["status"] for each in results] == expected
        if expected[0] == 409:
            assert results[0]["problem"]["title"] == "User exists"


@pytest.mark.usefixtures("owned")
@pytest.mark.parametrize("source", [SALESFORCE, INTAKE, SYSTEM])
def test_systems_are_not_refused(source: str) -> None:
    command = ChangeName(user_id=ADA, name="Ada King")
    assert services.execute(command, metadata(source=source)).changed


@pytest.mark.usefixtures("owned")
def test_staff_are_refused_unless_they_say_that_they_override_it() -> None:
    command = ChangeStatus(user_id=ADA, status=Status.SUSPENDED)
    with pytest.raises(OwnedElsewhereError) as refused:
        services.execute(command, metadata(source=ADMIN))
    assert (refused.value.owner, refused.value.attribute) == ("Salesforce", "status")
    assert services.execute(command, metadata(source=ADMIN), overrides=True).changed


@pytest.mark.usefixtures("owned")
@pytest.mark.parametrize("attribute", BODIES)
def test_the_form_says_who_owns_the_field(attribute: str) -> None:
    form = {"expected_version": "1", **BODIES[attribute]}
    url = reverse(f"admin:change_{attribute}", args=[ADA])
    agent = in_role("Agent")
    answer = agent.post(url, form)
    assert answer.status_code == 422
    assert answer.context["form"].errors == {attribute: [TOLD.format(attribute)]}
    german = agent.post(url, form, headers={"Accept-Language": "de"})
    assert "Salesforce bestimmt" in german.context["form"].errors[attribute][0]
    assert in_role("Lead").post(url, form).status_code == 303
    assert len(store.read_stream(USER.stream(ADA))) == 2


@pytest.mark.usefixtures("owned")
def test_the_permission_alone_lets_nobody_issue_a_command() -> None:
    form = {"expected_version": "1", **BODIES["name"]}
    url = reverse("admin:change_name", args=[ADA])
    assert staff("users.override_owner").post(url, form).status_code == 403


def test_a_conflict_is_settled_for_salesforce_though_it_owns_the_field_by_now(
    connected: Salesforce, settings: LazySettings
) -> None:
    settings.SALESFORCE = settings.SALESFORCE | {"FIELD_OWNERS": {"name": "manual"}}
    identity = connected.org.seed(1)[0]
    run()
    user_id = SalesforceLink.objects.get().user_id
    services.execute(translate.change(user_id, "name", "Ours"), metadata())
    connected.org.update(identity, FirstName="", LastName="Theirs")
    run(Mode.INCREMENTAL)
    settings.SALESFORCE = settings.SALESFORCE | {"FIELD_OWNERS": ALL}
    with as_staff():
        number = SalesforceConflict.objects.get().pk
        conflicts.resolve(number, winner=conflicts.THEIRS, reason="theirs by now")
    assert ours()[identity][0] == "Theirs"
