from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from projections import directory
from projections.read_models import NAMES, READ_MODELS, code_version, digest_of

SOURCE = Path(directory.__file__).read_text("utf-8")


def digest_with(folder: Path, source: str) -> str:
    """The version of the directory whose module has this source."""
    file = folder / "changed_directory.py"
    file.write_text(source, "utf-8")
    spec = importlib.util.spec_from_file_location("changed_directory", file)
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "changed_directory", module)
        return digest_of([replace(READ_MODELS[0], code=module.project)])


def test_the_version_is_the_code_s_and_comments_are_none(tmp_path: Path) -> None:
    same = f"# a comment\n{SOURCE}"
    other = SOURCE.replace("row.name = payload.new_name", "row.name = payload.old_name")
    assert other != SOURCE
    assert digest_with(tmp_path, same) == code_version(("directory",))
    (tmp_path / "b").mkdir()
    assert digest_with(tmp_path / "b", other) != code_version(("directory",))


def test_each_choice_of_read_models_has_a_version_of_its_own() -> None:
    made = {code_version(names) for names in (NAMES, ("directory",), ("history",))}
    assert len(made) == 3
