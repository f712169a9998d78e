from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from psycopg.types.range import Range

from eventstore import sentences
from eventstore.events import UnknownEvent
from eventstore.operator_events import ScheduleChanged, StaffAccountChanged
from tests.factories import recorded, renamed, user_created
from users.events import UserEmailChanged, UserStatusChanged
from users.values import Status


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (
            user_created(),
            "m.jones created Ada Byron with e-mail ada@example.com via back office",
        ),
        (renamed(), "m.jones changed name from Ada Byron to Ada King via back office"),
        (
            UserEmailChanged(old_email="a@example.com", new_email="b@example.com"),
            (
                "m.jones changed e-mail from a@example.com to b@example.com"
                " via back office"
            ),
        ),
        (
            UserStatusChanged(old_status=Status.ACTIVE, new_status=Status.SUSPENDED),
            "m.jones changed status from active to suspended via back office",
        ),
    ],
)
def test_an_event_is_told_in_plain_words(payload: Any, told: str) -> None:
    event = recorded(payload, actor="staff:m.jones", source="admin")
    assert sentences.sentence(event) == told


def test_an_event_nobody_knows_is_told_by_its_fields() -> None:
    event = recorded(renamed())
    data = {"to": "Mars", "at": 3}
    unknown = UnknownEvent(type="UserTeleported", data=data)
    event = msgspec.structs.replace(
        event, type="UserTeleported", data=data, payload=unknown
    )
    assert sentences.sentence(event) == "UserTeleported happened (to = Mars, at = 3)"


def test_an_event_in_a_shape_the_sentence_does_not_know_is_told_by_its_fields() -> None:
    event = recorded(renamed(), data={"before": "Ada"})
    assert sentences.sentence(event) == "UserNameChanged happened (before = Ada)"


def test_a_name_with_braces_is_only_a_name() -> None:
    event = recorded(renamed("{who}", "{0}"), actor="client:crm")
    told = "REST client crm changed name from {who} to {0} via REST API"
    assert sentences.sentence(event) == told


@pytest.mark.parametrize(
    ("actor", "told"),
    [
        ("staff:ada", "ada"),
        ("client:crm", "REST client crm"),
        ("integration:salesforce", "Salesforce"),
        ("martian", "martian"),
    ],
)
def test_actors_are_called_as_staff_call_them(actor: str, told: str) -> None:
    assert sentences.actor(actor) == told


def test_an_unknown_source_keeps_its_name() -> None:
    assert sentences.source("carrier-pigeon") == "carrier-pigeon"


THREE = datetime(2026, 11, 6, 15, tzinfo=UTC)
FOUR = datetime(2026, 11, 6, 17, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "—"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ("None", "None"),  # a person may be called so
        ("", ""),
        (Status.ACTIVE, "active"),
        (THREE, "2026-11-06 15:00:00 UTC"),
        (FOUR, "2026-11-06 16:00:00.000005 UTC"),
        (
            Range(THREE, FOUR),
            "from 2026-11-06 15:00:00 UTC until 2026-11-06 16:00:00.000005 UTC",
        ),
        (Range(THREE, None), "since 2026-11-06 15:00:00 UTC"),
        (Range(None, THREE), "until 2026-11-06 15:00:00 UTC"),
        (Range(None, None), "always"),
        (Range(empty=True), "at no time"),
        (["name", None, True], "name, —, yes"),
        ([], "—"),
        ({"hour": THREE, "of": {"a": None}}, "hour: 2026-11-06 15:00:00 UTC, of: a: —"),
    ],
)
def test_no_value_is_told_in_the_words_of_python(value: Any, said: str) -> None:
    assert sentences.words(value) == said


def test_an_unknown_event_tells_its_values_in_plain_words() -> None:
    event = recorded(renamed())
    data = {"agreed": True, "until": None}
    unknown = UnknownEvent(type="UserTeleported", data=data)
    event = msgspec.structs.replace(
        event, type="UserTeleported", data=data, payload=unknown
    )
    assert (
        sentences.sentence(event) == "UserTeleported happened (agreed = yes, until = —)"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"groups": "Viewer"}, {"groups": "Lead"}, "groups: Viewer → Lead"),
        ({"groups": ""}, {"groups": "Lead"}, "groups: — → Lead"),
        (
            {"groups": "Auditor, Viewer"},
            {"groups": "Lead, Viewer"},
            "groups: + Lead, - Auditor",
        ),
        (
            {"is_superuser": "False", "is_staff": "True"},
            {"is_superuser": "True", "is_staff": "False"},
            "is_superuser: no → yes; is_staff: yes → no",
        ),
        ({"email": "(not kept)"}, {"email": "(not kept)"}, "email: (not kept)"),
        ({}, {"email": "(not kept)"}, "email: — → (not kept)"),
        ({"x": "{who}"}, {"x": "y" * 99}, f"x: {{who}} → {'y' * 79}…"),
        (
            dict.fromkeys("abcdef", "1"),
            dict.fromkeys("abcdef", "2"),
            "; ".join([*(f"{each}: 1 → 2" for each in "abcde"), "…"]),
        ),
        ({}, {}, "changed"),
    ],
)
def test_a_change_of_an_account_is_told_by_what_changed(
    old: dict[str, str], new: dict[str, str], told: str
) -> None:
    changed = StaffAccountChanged(account="ada", change="changed", old=old, new=new)
    event = recorded(changed, actor="staff:root", source="admin")
    who = "root changed staff account ada"
    assert sentences.sentence(event) == f"{who} ({told}) via back office"


def test_what_was_added_or_deleted_is_told_by_that() -> None:
    added = ScheduleChanged(
        schedule="nightly", change="added", old={}, new={"enabled": "True"}
    )
    event = recorded(added, actor="staff:root", source="admin")
    told = "root changed schedule nightly (added) via back office"
    assert sentences.sentence(event) == told
