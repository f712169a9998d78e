from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection

from eventstore import checks, sql
from tests import evolved
from tests.evolved import NAME, ParcelSent, ParcelSentV1, ParcelSentV2
from tests.factories import appended, known_user


def found(*, databases: list[str] | None = None) -> list[tuple[str | None, str]]:
    messages = run_checks(tags=[checks.TAG], databases=databases)
    return [(each.id, each.msg) for each in messages]


def old_log() -> None:
    known_user()
    with evolved.written_by(1):
        appended("parcel-1", ParcelSentV1(kilograms=2))
    with evolved.written_by(2):
        appended("parcel-2", ParcelSentV2(grams=2))
    with evolved.written_by(3):
        appended("parcel-3", ParcelSent(grams=2, city="Ely"))


def test_every_type_of_this_code_has_a_path_from_its_first_version() -> None:
    assert found() == []


def test_a_gap_in_the_path_of_a_type_is_an_error() -> None:
    with evolved.today(2):
        assert found() == [
            ("eventstore.E001", f"No upcaster lifts {NAME} from schema version 1.")
        ]


@pytest.mark.django_db
def test_the_stored_shapes_are_listed_without_reading_the_log() -> None:
    assert checks.stored_shapes() == []
    old_log()
    assert checks.stored_shapes() == [
        (NAME, 1),
        (NAME, 2),
        (NAME, 3),
        ("UserCreated", 1),
    ]


@pytest.mark.django_db
def test_every_stored_shape_has_a_path() -> None:
    old_log()
    with evolved.today():
        assert found(databases=["default"]) == []


@pytest.mark.django_db
def test_a_stored_shape_without_a_path_is_an_error() -> None:
    old_log()
    said = f"The log holds {NAME} version {{v}}; version {{v}} has no path to version "
    with evolved.today(1):
        messages = found(databases=["default"])
    assert ("eventstore.E002", said.format(v=2) + "3.") in messages
    with evolved.written_by(2):
        messages = found(databases=["default"])
    assert ("eventstore.E002", said.format(v=3) + "2.") in messages


@pytest.mark.django_db
def test_a_stored_type_that_this_code_does_not_know_is_a_warning() -> None:
    old_log()
    assert found(databases=["default"]) == [
        (
            "eventstore.W001",
            f"The log holds {NAME} version {version}; no class is its type.",
        )
        for version in (1, 2, 3)
    ]
    assert found() == []


@pytest.mark.django_db
def test_the_shapes_come_from_indexes_however_long_the_log_is() -> None:
    old_log()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + sql.load("list_shapes"))
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on events" not in plan
    assert "using events_type" in plan
    assert "using events_newer_shapes" in plan


@pytest.mark.django_db
@pytest.mark.usefixtures("superuser")
def test_a_database_before_its_first_migration_is_no_error() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events RENAME TO not_yet")
    assert found(databases=["default"]) == []
