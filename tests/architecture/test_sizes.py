from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LONGEST_MODULE = 400  # lines
LONGEST_FUNCTION = 50  # lines of body
LONGEST_SETTINGS = 200  # lines
NAMED_BY_DJANGO = "config/postgresql/base.py"  # where it looks for a backend
VAGUE = {"base", "common", "handler", "handlers", "helpers", "manager", "utils"}


def modules() -> Iterator[Path]:
    for package in ("config", "eventstore", "users", "projections", "tests"):
        for file in sorted((PROJECT / package).rglob("*.py")):
            if "migrations" not in file.parts:
                yield file


@pytest.mark.parametrize(
    "file", list(modules()), ids=lambda file: str(file.relative_to(PROJECT))
)
def test_a_module_and_its_functions_stay_short(file: Path) -> None:
    text = file.read_text("utf-8")
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = {
        node.name: length
        for node in functions
        if (length := (node.end_lineno or 0) - node.body[0].lineno + 1)
        > LONGEST_FUNCTION
    }
    assert long == {}
    assert len(text.splitlines()) <= LONGEST_MODULE


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [file for file in modules() if file.stem in VAGUE]
    assert [str(file.relative_to(PROJECT)) for file in vague] == [NAMED_BY_DJANGO]


def test_the_settings_stay_one_page() -> None:
    lines = (PROJECT / "config" / "settings.py").read_text("utf-8").splitlines()
    assert len(lines) <= LONGEST_SETTINGS
