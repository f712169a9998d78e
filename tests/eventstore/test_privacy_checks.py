from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test import override_settings

from eventstore import keyring
from tests.factories import appended, user_created

DATABASE = ["default"]


def ids(**options: Any) -> list[str | None]:
    ours = ("eventstore.E003", "eventstore.E007")
    return [m.id for m in run_checks(**options) if ours[0] <= str(m.id) <= ours[1]]


@pytest.fixture
def production_ring(tmp_path: Path, committed_db: str) -> Any:
    del committed_db
    path = tmp_path / "ring.json"
    keyring.save(keyring.new(keyring.PRODUCTION), path)
    with override_settings(KEY_RING_FILE=str(path)):
        yield path


def test_a_sound_installation_is_told_nothing(production_ring: Path) -> None:
    assert production_ring.exists()
    assert ids(include_deployment_checks=True, databases=DATABASE) == []


def test_a_missing_ring_is_an_error() -> None:
    with override_settings(KEY_RING_FILE=""):
        assert ids() == ["eventstore.E003"]


@pytest.mark.usefixtures("committed_db")
def test_a_development_ring_is_refused_in_deployment(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    keyring.save(keyring.new(keyring.DEVELOPMENT), path)
    with override_settings(KEY_RING_FILE=str(path)):
        assert ids() == []
        assert ids(include_deployment_checks=True) == ["eventstore.E004"]


def test_a_ring_that_others_may_read_is_refused_in_deployment(
    production_ring: Path,
) -> None:
    production_ring.chmod(0o640)
    assert ids(include_deployment_checks=True) == ["eventstore.E005"]


def test_a_ring_of_another_database_is_an_error(production_ring: Path) -> None:
    appended("user-1", user_created())
    keyring.save(keyring.new(keyring.PRODUCTION), production_ring)
    assert ids(databases=DATABASE) == ["eventstore.E006"]
    assert ids(include_deployment_checks=True) == ["eventstore.E006"]


@pytest.mark.usefixtures("superuser", "production_ring")
def test_an_erasure_that_was_undone_is_an_error() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events (stream, version, event_id, type, schema_version, data,"
            " actor, source, correlation_id, metadata, recorded_at, occurred_at, salt,"
            " leaf) VALUES ('user-1', 1, gen_random_uuid(), 'UserErased', 1,"
            """ '{"ground": "request"}', 'a', 's', gen_random_uuid(), '{}', now(),"""
            " now(), decode(repeat('00', 16), 'hex'), sha256(''))"
        )
    assert ids(databases=DATABASE) == ["eventstore.E007"]
