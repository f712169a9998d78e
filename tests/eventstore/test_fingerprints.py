from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from eventstore import fingerprints
from eventstore.aggregate import Aggregate
from eventstore.upcasting import temporary_upcasters, upcaster
from users.aggregate import USER
from users.events import UserCreated, UserErased, UserEvent

FOLD = """
def evolve(state, event):
    return _next(state)

def _next(state):
    return state + 1
"""


def of(tmp_path: Any, source: str, **changes: Any) -> str | None:
    """Return the fingerprint of a fold whose module is *source*."""
    (tmp_path / "numbers_fold.py").write_text(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        patch.delitem(sys.modules, "numbers_fold", raising=False)
        patch.setattr(sys, "dont_write_bytecode", True)
        import linecache  # noqa: PLC0415

        linecache.clearcache()
        import numbers_fold  # type: ignore[import-not-found]  # noqa: PLC0415

        values: dict[str, Any] = {
            "category": "number",
            "initial": 0,
            "decide": lambda _state, _command: [],
            "evolve": numbers_fold.evolve,
            "state_type": int,
        }
        return fingerprints.fingerprint(Aggregate(**values | changes))


def test_comments_and_layout_do_not_count(tmp_path: Any) -> None:
    same = FOLD.replace("return state", "# one more\n    return  state")
    assert of(tmp_path, FOLD) == of(tmp_path, same)


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        (FOLD.replace("+ 1", "+ 2"), {}),
        (FOLD, {"state_type": float}),
        (FOLD, {"initial": 1}),
        (FOLD, {"category": "digit"}),
    ],
)
def test_whatever_changes_the_answer_changes_it(
    tmp_path: Any, source: str, changes: dict[str, Any]
) -> None:
    assert of(tmp_path, FOLD) != of(tmp_path, source, **changes)


def test_a_new_upcaster_changes_it() -> None:
    before = fingerprints.fingerprint(USER)
    with temporary_upcasters():
        upcaster("UserCreated", from_version=0, shape=UserCreated)(dict)
        assert fingerprints.fingerprint(USER) is None  # dict has no source
        upcaster("UserCreated", from_version=0, shape=UserCreated)(lift)
        assert fingerprints.fingerprint(USER) not in (before, None)
    assert fingerprints.fingerprint(USER) == before


def test_an_event_that_the_fold_does_not_take_is_none_of_its_business() -> None:
    before = fingerprints.fingerprint(USER)
    with temporary_upcasters():
        upcaster("ReadModelReprocessed", from_version=0, shape=UserCreated)(lift)
        assert fingerprints.fingerprint(USER) == before


def lift(data: dict[str, Any]) -> dict[str, Any]:
    return data


def test_there_is_none_without_a_type_of_state(tmp_path: Any) -> None:
    assert of(tmp_path, FOLD, state_type=None) is None


def test_there_is_none_without_the_source() -> None:
    scope: dict[str, Any] = {"__name__": "installed_without_source"}
    exec(FOLD, scope)  # noqa: S102
    aggregate: Aggregate[Any, Any] = Aggregate(
        category="number",
        initial=0,
        decide=lambda _state, _command: [],
        evolve=scope["evolve"],
        state_type=int,
    )
    assert fingerprints.fingerprint(aggregate) is None


def test_another_process_computes_the_same() -> None:
    program = (
        "import django; django.setup()\n"
        "from eventstore.fingerprints import fingerprint\n"
        "from users.aggregate import USER\n"
        "print(fingerprint(USER))"
    )
    other = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == fingerprints.fingerprint(USER)


def module(tmp_path: Path, text: str) -> Any:
    path = tmp_path / f"made_{uuid4().hex}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("made", path)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules["made"] = made  # where inspect looks
    spec.loader.exec_module(made)
    return made


def test_rows_are_of_other_code_once_it_decides_otherwise(tmp_path: Path) -> None:
    one = "def apply(events):\n    return 1\n"
    digests = [
        fingerprints.code_of([module(tmp_path, text).apply], None, shapes)
        for text, shapes in [
            (one, ["a text"]),
            (f"# why\n{one}", ["a text"]),
            (one.replace("1", "2"), ["a text"]),
            (one, ["a bigint"]),
        ]
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_rows_are_of_other_code_once_an_event_they_tell_of_has_another_shape() -> None:
    function = fingerprints.code_of
    without = fingerprints.code_of([function], None, [])
    told = fingerprints.code_of([function], UserCreated | UserErased, [])
    assert len({without, told, fingerprints.code_of([function], UserEvent, [])}) == 3
    assert fingerprints.code_of([len], None, []) is None
