"""The page "Add a source" is run as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from config import intake as wiring
from tests.deliveries import PLAIN_SECRET, hexed, post
from tests.intake import person, states, work

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-source.md"


def blocks(language: str) -> list[str]:
    parts = PAGE.read_text("utf-8").split(f"```{language}\n")[1:]
    return [part.partition("```")[0] for part in parts]


def test_a_second_source_is_three_functions_and_a_line(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, Any] = {}
    (code,) = blocks("python")
    exec(code, names)  # noqa: S102 - our own document
    monkeypatch.setattr(wiring, "MAPPERS", (*wiring.MAPPERS, names["SHIFTS"]))
    settings.INGEST_SOURCES = {
        "planner": {
            "mapper": "shifts",
            "style": "hmac",
            "header": "X-Planner-Sum",
            "secrets": [PLAIN_SECRET],
        }
    }

    def send(body: bytes) -> int:
        headers = {"X-Planner-Sum": hexed(body)}
        status: int = post(body, headers, source="planner").status_code
        return status

    (example,) = blocks("json")
    left = json.dumps(json.loads(example) | {"left": True}).encode()
    assert send(example.encode()) == send(left) == send(b"{}") == 202
    work()
    assert states() == ["applied", "applied", "quarantined"]
    found = person("4711", "planner")
    assert found
    assert (found.name, found.email, found.status) == (
        "Ada Byron",
        "ada@example.com",
        "deactivated",
    )
