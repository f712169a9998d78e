"""The script at the top, run against an installer that only takes notes."""

from __future__ import annotations

import ast
import fcntl
import functools
import re
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "run"
LOCKS = ["requirements.lock", "requirements-dev.lock"]
UV = """#!/bin/sh
for folder; do :; done
echo "$1 ${folder##*/}" >> "$NOTES"
if [ "$1" = venv ]; then
    mkdir -p "$folder/bin"
    printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$INTERPRETER" > "$folder/bin/python"
    chmod +x "$folder/bin/python"
fi
env | sort > "$NOTES.environment"
[ ! -e "$NOTES.fail-$1" ]
"""


class Checkout:
    """A copy of the script beside small files, with a uv of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        shutil.copy(SCRIPT, folder)
        for lock in LOCKS:
            (folder / lock).write_text(f"{lock} 1\n")
        (folder / "manage.py").write_text("import sys; print('manage', sys.argv[1:])\n")
        (folder / "tools").mkdir()
        (folder / "tools" / "uv").write_text(UV)
        (folder / "tools" / "uv").chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, **environment)
        told, errors = process.communicate()
        return process.returncode, told + errors

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        environment |= {
            "PATH": f"{self.folder}/tools:/usr/bin:/bin",
            "NOTES": str(self.notes),
            "INTERPRETER": sys.executable,
        }
        return subprocess.Popen(  # noqa: S603
            [sys.executable, self.folder / "run", *arguments],
            cwd="/",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def installed(self) -> Sequence[str]:
        """Return what the installer was told to do with what, and forget it."""
        if not self.notes.exists():
            return []
        told = self.notes.read_text().splitlines()
        self.notes.unlink()
        return told


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "mein Prüfstand"
    folder.mkdir()
    return Checkout(folder)


@pytest.fixture(scope="module")
def script() -> Any:
    loader = SourceFileLoader("run", str(SCRIPT))
    spec = spec_from_loader("run", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_old_pythons_can_read_it() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))
    assert "from __future__" not in SCRIPT.read_text()


def test_refuses_an_old_python_in_one_line(script: Any) -> None:
    assert script.refusal((3, 8, 18), "linux") == (
        "Annals needs Python 3.11 or newer, this is 3.8.18: try python3.13 run"
    )
    assert script.refusal((3, 11, 0), "linux") is None


def test_refuses_windows_in_one_line(script: Any) -> None:
    assert script.refusal((3, 13, 0), "win32") == (
        "Annals runs on Linux and macOS; on Windows, use WSL."
    )


def test_installs_first_and_only_once(checkout: Checkout) -> None:
    assert checkout.run("check", "--deploy") == (
        0,
        "Setting up .venv (first time only)...\nmanage ['check', '--deploy']\n",
    )
    assert checkout.installed() == ["venv .venv", "pip requirements.lock"]
    assert checkout.run("check") == (0, "manage ['check']\n")
    assert checkout.installed() == []


def test_starts_everything_when_nothing_else_is_asked(checkout: Checkout) -> None:
    checkout.run("check")
    assert checkout.run() == (0, "manage ['up']\n")
    assert checkout.run("--port", "8001") == (0, "manage ['up', '--port', '8001']\n")


def test_installs_again_when_the_lock_file_changed(checkout: Checkout) -> None:
    checkout.run("check")
    checkout.installed()
    (checkout.folder / "requirements.lock").write_text("something newer\n")
    assert checkout.run("check") == (
        0,
        "Updating .venv from requirements.lock...\nmanage ['check']\n",
    )
    assert checkout.installed() == ["pip requirements.lock"]


def test_makes_a_half_made_environment_anew(checkout: Checkout) -> None:
    failing = checkout.folder / "notes.fail-pip"
    failing.touch()
    code, output = checkout.run("check")
    assert (code, output.splitlines()[1]) == (
        1,
        "Could not install the packages; the lines above say why.",
    )
    failing.unlink()
    (checkout.folder / ".venv" / "left over").touch()
    checkout.run("check")
    assert not (checkout.folder / ".venv" / "left over").exists()


def test_the_tests_packages_contain_the_others(checkout: Checkout) -> None:
    code, output = checkout.run("test", "--version")
    assert (code, output.splitlines()[0]) == (
        0,
        "Setting up .venv (first time only)...",
    )
    assert checkout.installed()[-1] == "pip requirements-dev.lock"
    checkout.run("check")
    assert checkout.installed() == []


def test_two_commands_at_once_wait_for_each_other(checkout: Checkout) -> None:
    with (checkout.folder / "requirements.lock").open("rb") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)  # somebody installs
        both = [checkout.start("check"), checkout.start("test", "-k", "x")]
        for each in both:
            wait_until(functools.partial(waits, each.pid))
        assert checkout.installed() == []
    for each in both:
        each.communicate(timeout=60)
    told = checkout.installed()
    assert told.count("venv .venv") == 1
    assert "pip requirements-dev.lock" in told


def waits(pid: int) -> bool:
    """Say whether a process waits for a lock of a file."""
    return any(
        f" {pid} " in line
        for line in Path("/proc/locks").read_text().splitlines()
        if "->" in line
    )


def test_a_persons_installer_settings_change_only_the_source(
    checkout: Checkout,
) -> None:
    checkout.run(
        "check",
        UV_INDEX_URL="https://mirror.example/simple",
        UV_PRERELEASE="allow",
        PIP_CONSTRAINT="/etc/constraints.txt",
        PYTHONPATH="/opt/surprise",
    )
    heard = (checkout.folder / "notes.environment").read_text().splitlines()
    assert [line for line in heard if line.startswith(("UV_", "PIP_", "PYTHON"))] == [
        "PIP_REQUIRE_VIRTUALENV=0",
        "PIP_USER=0",
        "UV_INDEX_URL=https://mirror.example/simple",
    ]


def test_tests_stop_at_the_first_failure_and_name_it(checkout: Checkout) -> None:
    checkout.run("check")
    python = checkout.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text('#!/bin/sh\necho "$@"\n[ "$2 $3" != "ruff check" ]\n')
    python.chmod(0o755)
    (checkout.folder / "requirements-dev.installed").touch()
    code, output = checkout.run("test")
    assert code == 1
    assert output.splitlines()[1:] == [
        "== ruff format",
        "-m ruff format --check . run",
        "== ruff check",
        "-m ruff check . run",
        "Failed: ruff check",
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_name_no_host(lock: str) -> None:
    text = (PROJECT / lock).read_text()
    assert "://" not in text
    assert re.findall(r"^ *-(?!-hash=)", text, re.MULTILINE) == []


def test_the_development_lock_contains_the_other() -> None:
    runtime, development = (set((PROJECT / each).read_text().split()) for each in LOCKS)
    assert runtime - development == set()
