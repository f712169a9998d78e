from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from users.sources.salesforce import translate


@pytest.mark.parametrize(
    ("contact", "name", "email"),
    [
        (
            {"FirstName": "Nedi", "LastName": "Heinsius", "Email": "n@example.com"},
            "Nedi Heinsius",
            "n@example.com",
        ),
        (
            {"LastName": "Heinsius", "Email": "n@example.com"},
            "Heinsius",
            "n@example.com",
        ),
        ({"FirstName": None, "LastName": "Null", "Email": None}, "Null", ""),
    ],
)
def test_a_contact_becomes_a_command(
    contact: dict[str, Any], name: str, email: str
) -> None:
    command = translate.create_user(contact, contact_id="003A")
    assert (command.name, command.email) == (name, email)


def test_a_contact_is_the_same_user_every_time() -> None:
    assert translate.user_id_of("003A") == translate.user_id_of("003A")
    assert translate.user_id_of("003A") != translate.user_id_of("003a")


def test_the_circumstances_name_run_and_record() -> None:
    run_id = uuid4()
    told = translate.metadata(contact_id="003A", run_id=run_id)
    assert (told.actor, told.source) == ("integration:salesforce", "salesforce")
    assert told.correlation_id == run_id
    assert told.extra == {
        "command_id": str(told.causation_id),
        "run": str(run_id),
        "record": "003A",
        "backfill": True,
    }
