from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.journeys.cast import Cast
from tests.processes import wait_until

PACKAGE = "annals_client"


@pytest.fixture
def generated(
    schema: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """Generate a client from the schema, as a stranger does; a warning fails."""
    tools = Path(sys.executable).parent
    generate = [str(tools / "openapi-python-client"), "generate", "--fail-on-warning"]
    generate += ["--path", str(schema), "--meta", "none"]
    subprocess.run(  # noqa: S603
        [*generate, "--output-path", str(tmp_path / PACKAGE)],
        env=os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    monkeypatch.syspath_prepend(tmp_path)
    return import_module(PACKAGE)


@pytest.fixture
def client(generated: ModuleType, annals: Cast) -> Iterator[Any]:
    """Give the generated client, with a token."""
    url = f"http://localhost:{annals.port}"
    with generated.AuthenticatedClient(base_url=url, token=annals.token) as client:
        yield client


def operation(name: str) -> Any:
    return import_module(f"{PACKAGE}.api.{name}")


def test_a_generated_client_creates_changes_finds_and_explains(
    client: Any,
) -> None:
    models: Any = import_module(f"{PACKAGE}.models")
    body = models.CreateUserRequest(name="Ada Byron", email="ada@example.com")
    create = operation("users.create_user")
    key = str(uuid4())
    created = create.sync(client=client, body=body, idempotency_key=key)
    again = create.sync(client=client, body=body, idempotency_key=key)
    assert isinstance(created, models.Outcome)
    assert (created.version, created.changed, again) == (1, True, created)
    ada: UUID = created.user_id

    rename = operation("users.change_name")
    body = models.ChangeNameRequest(name="Ada King")
    renamed = rename.sync(ada, client=client, body=body, if_match='"1"')
    stale = rename.sync(ada, client=client, body=body, if_match='"1"')
    assert (renamed.version, stale.version, len(stale.changes)) == (2, 2, 1)

    fate = partial(operation("commands.get_command").sync, client=client)
    wait_until(lambda: fate(renamed.command_id).status == "visible")  # in every model
    now = operation("users.get_user").sync(ada, client=client, min_version=2)
    assert (now.name, now.version) == ("Ada King", 2)
    (found,) = operation("users.list_users").sync(client=client, q="king").results
    assert found.id == ada
    few = operation("users.list_users").sync(client=client, fields="id").results[0]
    assert few.to_dict() == {"id": str(ada)}
    history = operation("users.list_user_history").sync(ada, client=client)
    assert [each.type_ for each in history.results] == [
        "UserCreated",
        "UserNameChanged",
    ]
    nobody = operation("users.get_user").sync(uuid4(), client=client)
    assert (nobody.title, nobody.status) == ("User not found", 404)


def test_a_generated_client_reads_what_became_of_each_command(
    client: Any,
) -> None:
    models: Any = import_module(f"{PACKAGE}.models")
    item, kind = models.CreateUserItemRequest, models.CreateUserItemCommandEnum
    commands = [
        item(command=kind.CREATE_USER, name="Grace", email="grace@example.com"),
        item(command=kind.CREATE_USER, name="Grace", email="GRACE@example.com"),
    ]
    told = operation("users.execute_commands").sync(
        client=client, body=models.BatchRequest(commands=commands)
    )
    first, second = told.results
    assert (told.recorded, told.refused, first.status) == (1, 1, 202)
    assert (second.status, second.problem.title) == (409, "Email taken")
    log = operation("events.list_events").sync(client=client, type_=["UserCreated"])
    assert [each.stream for each in log.results] == [f"user-{first.user_id}"]
