from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from eventstore import faults

INSERT = "INSERT INTO eventstore_heartbeat (subscription, beaten_at) VALUES"
TWICE = f"{INSERT} ('a', now()), ('a', now())"
NOTHING = f"{INSERT} ('b', NULL)"


def refusal(statement: str) -> IntegrityError:
    with (
        pytest.raises(IntegrityError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    return caught.value


@pytest.mark.django_db
def test_what_the_database_refused_is_placed_in_our_code_and_named() -> None:
    twice, nothing = refusal(TWICE), refusal(NOTHING)
    assert faults.described(twice).startswith(
        "IntegrityError (eventstore_heartbeat_subscription_key) at test_faults.py:"
    )
    assert faults.described(nothing).startswith("IntegrityError (23502) at test_faults")
    assert faults.fingerprint("directory", twice) != faults.fingerprint(
        "directory", nothing
    )


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (lambda: UUID("x"), "ValueError at test_faults.py:"),
        (lambda: json.loads("{"), "JSONDecodeError at test_faults.py:"),
    ],
)
def test_any_other_error_is_told_by_class_and_place(
    code: Callable[[], object], told: str
) -> None:
    with pytest.raises(ValueError, match=r"badly formed|Expecting") as caught:
        code()
    assert faults.described(caught.value).startswith(told)
