from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, models
from django.test.utils import isolate_apps
from pytest_django import Settings

import projections.models
from eventstore import rebuilding, rebuilds, roles, standings, subscriptions
from eventstore.circumstances import acting
from tests.databases import acting_as
from tests.factories import known_user

DOCUMENT = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-projection.md"
BLOCKS = re.findall(r"```python\n(.+?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
MODEL, MODULE, LISTS, PROOF = BLOCKS


@pytest.fixture
def made(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Do what the document says, in a database of the test's own."""
    del committed_db
    with isolate_apps("projections"):
        scope: dict[str, Any] = {"models": models, "__name__": "projections.models"}
        exec(MODEL, scope)  # noqa: S102 - our own document
        model = scope["LastChange"]
        monkeypatch.setattr(projections.models, "LastChange", model, raising=False)
        with acting_as(roles.OWNER), connection.schema_editor() as editor:
            editor.create_model(model)
        module = ModuleType("projections.last_change")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(MODULE, module.__dict__)  # noqa: S102
        yield module


def test_a_projection_takes_fewer_than_sixty_lines() -> None:
    assert sum(len(block.splitlines()) for block in (MODEL, MODULE, LISTS)) < 60


def test_the_proof_in_the_document_holds(made: ModuleType) -> None:
    proof: dict[str, Any] = {}
    exec(PROOF, proof)  # noqa: S102
    (tests,) = (each for name, each in proof.items() if name.startswith("test_"))
    (mark,) = tests.pytestmark
    assert len(mark.args[1]) == 4
    for batches in mark.args[1]:
        made.__dict__["LastChange"].objects.all().delete()
        tests(batches)


def test_it_runs_and_is_rebuilt_as_any_other(
    made: ModuleType, settings: Settings
) -> None:
    projection = made.__dict__["LAST_CHANGE"]
    made.__dict__["SUBSCRIPTIONS"] = (projection,)
    settings.EVENTSTORE_SUBSCRIPTIONS = f"{made.__name__}.SUBSCRIPTIONS"
    users = {known_user(), known_user()}
    assert subscriptions.catch_up(projection)
    rows = made.__dict__["LastChange"].objects
    assert set(rows.values_list("user_id", flat=True)) == users
    rows.update(source="wrong")
    with acting(actor="staff:grace", source="admin", correlation_id=uuid4()):
        rebuilds.start("last_change", reason="OPS-1")
        while not rebuilding.work("last_change"):
            pass
        found = standings.current("last_change")
        assert found
        assert found.rebuild.comparison
        assert found.rebuild.comparison["tables"][0]["changed"] == 2
        rebuilds.switch("last_change")
    assert set(rows.values_list("source", flat=True)) == {"rest"}
