from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from eventstore import store
from eventstore.models import StoredEvent
from tests import rest
from tests.factories import ADA, known_user
from tests.rest import post, problem
from users.aggregate import USER

pytestmark = pytest.mark.django_db
# The example of W3C Trace Context.
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ADA_URL = f"/api/v1/users/{ADA}"
BODY = {"name": "Ada", "email": "ada@example.com"}


@pytest.fixture
def api() -> Client:
    return rest.client()


def test_creates_a_user_and_says_where_to_look(api: Client) -> None:
    body = {"name": "Ada Byron", "email": "ada@example.com"}
    response = post(api, "/api/v1/users", body)
    answer = response.json()
    user_id = UUID(answer["user_id"])
    (event,) = store.read_stream(USER.stream(user_id))
    assert response.status_code == 202
    command_id = str(event.causation_id)
    assert response["Location"] == f"/api/v1/commands/{command_id}"
    assert response["Link"] == f'</api/v1/users/{user_id}?min_version=1>; rel="about"'
    assert response["ETag"] == '"1"'
    assert answer == {
        "command_id": command_id,
        "user_id": str(user_id),
        "stream": f"user-{user_id}",
        "version": 1,
        "position": event.position,
        "changed": True,
    }


def test_the_event_names_client_command_and_conversation(api: Client) -> None:
    conversation = str(uuid4())
    body = {"id": str(ADA), "name": "Ada", "email": "ada@example.com"}
    response = post(
        api,
        "/api/v1/users",
        body,
        headers={"X-Correlation-ID": conversation, "traceparent": TRACEPARENT},
    )
    (event,) = store.read_stream(USER.stream(ADA))
    assert response["X-Correlation-ID"] == conversation
    assert (event.actor, event.source) == ("client:crm-portal", "rest")
    assert str(event.correlation_id) == conversation
    assert event.metadata == {
        "command_id": str(event.causation_id),
        "command": "CreateUser",
        "request_id": response["X-Request-ID"],
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }


@pytest.mark.parametrize(
    ("command", "body", "changed"),
    [
        ("name", {"name": "Ada King"}, ("UserNameChanged", "new_name", "Ada King")),
        (
            "email",
            {"email": "king@example.com"},
            ("UserEmailChanged", "new_email", "king@example.com"),
        ),
        (
            "status",
            {"status": "suspended", "reason": "lost card"},
            ("UserStatusChanged", "new_status", "suspended"),
        ),
    ],
)
def test_each_command_records_its_event(
    api: Client, command: str, body: dict[str, str], changed: tuple[str, str, str]
) -> None:
    known_user(ADA)
    response = post(api, f"{ADA_URL}/{command}", body)
    event = store.read_stream(USER.stream(ADA))[-1]
    assert (response.status_code, response.json()["version"]) == (202, 2)
    assert (event.type, event.data[changed[1]]) == (changed[0], changed[2])


def test_a_command_that_changes_nothing_answers_200(api: Client) -> None:
    known_user(ADA)
    response = post(api, f"{ADA_URL}/name", {"name": "Ada Byron"})
    assert response.status_code == 200
    assert (response.json()["changed"], response.json()["version"]) == (False, 1)
    assert StoredEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        ("", "Bearer"),
        ("Basic x", "Bearer"),
        ("Bearer", 'Bearer error="invalid_token"'),
        ("Bearer nonsense", 'Bearer error="invalid_token"'),
    ],
)
def test_a_stranger_is_refused(authorization: str, challenge: str) -> None:
    client = Client(headers={"Authorization": authorization})
    response = post(client, f"{ADA_URL}/name", {"name": "Mallory"})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == challenge
    assert problem(response)["status"] == 401
    assert StoredEvent.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"email": "a@example.com"}, "#/name", "This field is required."),
        ({"name": "", "email": "a@example.com"}, "#/name", "may not be blank"),
        ({"name": "x" * 201, "email": "a@example.com"}, "#/name", "no more than 200"),
        ({"name": 7.5, "email": ["x"]}, "#/email", "Not a valid string."),
        ({"name": "A\x00", "email": "a@example.com"}, "#/name", "Null characters"),
        ({"name": "A\u202e", "email": "a@example.com"}, "#/name", "invisible"),
        ({"name": "Ada", "email": "nobody"}, "#/email", "valid e-mail address"),
        (
            {"name": "Ada", "email": "a@example.com", "is_staff": True},
            "#/is_staff",
            "not known here",
        ),
        ({"id": "x", "name": "A", "email": "a@example.com"}, "#/id", "valid UUID"),
        ({"id": 5, "name": "A", "email": "a@example.com"}, "#/id", "valid UUID"),
        ({"name": 5, "email": "a@example.com"}, "#/name", "Not a valid string."),
        ({"name": True, "email": "a@example.com"}, "#/name", "Not a valid string."),
        ({"a/b~c \u00e9": 1}, "#/a~1b~0c%20%C3%A9", "not known here"),
        ({"\ud800": 1}, "#/%ED%A0%80", "not known here"),
    ],
)
def test_bad_input_is_pointed_at(
    api: Client, body: Any, pointer: str, detail: str
) -> None:
    response = post(api, "/api/v1/users", body)
    found = problem(response)
    assert (response.status_code, found["title"]) == (400, "Invalid input")
    details = [e["detail"] for e in found["errors"] if e["pointer"] == pointer]
    assert detail in "".join(details)
    assert StoredEvent.objects.count() == 0


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b" ", "The body is empty. Send a JSON object."),
        (b"{", "The body is not JSON: Expecting property name"),
        (b'{"name": "Ada",}', "(line 1, column 16)."),
        (b'{"name": "a", "name": "b"}', "The body names a field twice."),
        (b'{"name": NaN}', "The body holds NaN, which is not JSON."),
        (b'{"name": "\xff"}', "The body is not UTF-8."),
        (b"[" * 100_000, "The body is nested too deeply."),
        (b'{"a":' * 50_000, "The body is nested too deeply."),
        (b'{"name": ' + b"9" * 5_000 + b"}", "a number of more than 20 digits"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(
    api: Client, raw: bytes, detail: str
) -> None:
    response = post(api, "/api/v1/users", raw)
    found = problem(response)
    assert response.status_code == 400
    assert detail in found["detail"]


def test_a_lone_surrogate_is_refused(api: Client) -> None:
    raw = rb'{"name": "\ud800", "email": "a@example.com"}'
    response = post(api, "/api/v1/users", raw)
    assert problem(response)["errors"][0]["pointer"] == "#/name"
    assert response.status_code == 400


def test_a_status_that_is_none_is_told_which_there_are(api: Client) -> None:
    response = post(api, f"{ADA_URL}/status", rb'{"status": "\ud800"}')
    assert problem(response)["errors"] == [
        {
            "pointer": "#/status",
            "detail": "Use one of active, suspended, deactivated.",
        }
    ]


def test_a_body_that_is_no_object_is_told_so(api: Client) -> None:
    for raw in (b"[]", b"null", b"7", b'"Ada"'):
        response = post(api, "/api/v1/users", raw)
        assert response.status_code == 400
        assert problem(response)["errors"] == [
            {"pointer": "#", "detail": "Send a JSON object."}
        ]


@pytest.mark.parametrize(
    ("content_type", "coding", "detail"),
    [
        ("application/json", "gzip", "Send the body as it is, without"),
        ("application/json; charset=latin-1", "identity", "Send the body in UTF-8;"),
    ],
)
def test_a_body_in_another_coding_is_refused(
    api: Client, content_type: str, coding: str, detail: str
) -> None:
    headers = {"Content-Encoding": coding}
    response = post(
        api, "/api/v1/users", BODY, content_type=content_type, headers=headers
    )
    assert (response.status_code, response.json()["title"]) == (
        415,
        "Unsupported media type",
    )
    assert detail in problem(response)["detail"]


def test_a_body_whose_length_is_not_told_is_refused(api: Client) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    response = post(api, "/api/v1/users", BODY, headers=headers)
    assert response.status_code == 411
    assert problem(response)["detail"] == (
        "Send the body with its Content-Length, not in chunks."
    )


def test_what_no_answer_can_be_is_told_what_can(api: Client) -> None:
    response = api.get("/api/v1/users", headers={"Accept": "text/html"})
    assert response.status_code == 406
    assert problem(response)["detail"] == "Accept one of application/json."


def test_another_content_type_is_refused(api: Client) -> None:
    response = post(api, "/api/v1/users", "name=Ada", content_type="text/plain")
    assert response.status_code == 415
    assert problem(response)["title"] == "Unsupported media type"


def test_a_body_beyond_the_limit_is_refused(api: Client) -> None:
    response = post(api, "/api/v1/users", {"name": "x" * 300_000, "email": "x"})
    assert response.status_code == 413
    assert problem(response)["detail"] == "Send a body of at most 262,144 bytes."


@pytest.mark.parametrize("command", ["name", "email", "status"])
def test_an_unknown_user_is_not_found(api: Client, command: str) -> None:
    bodies = {"name": "A", "email": "a@example.com", "status": "active"}
    response = post(api, f"{ADA_URL}/{command}", {command: bodies[command]})
    assert (response.status_code, problem(response)["title"]) == (404, "User not found")


def test_a_taken_address_does_not_say_whose(api: Client) -> None:
    holder = known_user(email="ada@example.com")
    body = {"name": "Mallory", "email": "ADA@example.com"}
    response = post(api, "/api/v1/users", body)
    assert (response.status_code, problem(response)["title"]) == (409, "Email taken")
    assert str(holder) not in response.content.decode()


def test_a_user_cannot_be_created_twice(api: Client) -> None:
    known_user(ADA)
    body = {"id": str(ADA), "name": "Ada", "email": "new@example.com"}
    response = post(api, "/api/v1/users", body)
    assert (response.status_code, problem(response)["title"]) == (409, "User exists")


def test_a_status_outside_the_table_is_refused(api: Client) -> None:
    known_user(ADA)
    post(api, f"{ADA_URL}/status", {"status": "deactivated"})
    response = post(api, f"{ADA_URL}/status", {"status": "suspended"})
    found = problem(response)
    assert (response.status_code, found["title"]) == (409, "Status not allowed")
    assert found["detail"] == "A user who is deactivated cannot become suspended."


def test_a_writer_who_named_an_older_version_is_told_the_new_one(api: Client) -> None:
    known_user(ADA)
    post(api, f"{ADA_URL}/name", {"name": "Ada King"})
    body = {"name": "Mine", "expected_version": 1}
    found = problem(post(api, f"{ADA_URL}/name", body))
    assert (found["title"], found["status"]) == ("Version conflict", 409)
    assert (found["expected_version"], found["version"]) == (1, 2)


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("get", "/api/v1/nothing", 404),
        ("get", "/api/v1/users/not-a-uuid", 404),
        ("get", "/api/v1/users/%00", 404),
        ("put", "/api/v1/users", 405),
        ("get", f"{ADA_URL}/name", 405),
    ],
)
def test_a_wrong_address_or_method_is_a_problem_too(
    api: Client, method: str, url: str, status: int
) -> None:
    response = getattr(api, method)(url)
    assert (response.status_code, problem(response)["status"]) == (status, status)
