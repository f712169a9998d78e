"""What an installation is told when it names nothing, something, or too little."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from kombu import Connection

from config.embedded import places, valkey
from config.embedded.errors import EmbeddedError
from tests.config.conftest import bare_environment
from tests.processes import wait_until

PROJECT = Path(__file__).resolve().parents[2]
TELL = """
import json, os
from config.embedded import environment, postgres
environment.prepare()
environment.prepare()  # changes nothing
print(json.dumps(dict(os.environ)))
"""
NOBODY = pwd.getpwnam("nobody").pw_uid


def prepared(script: str = TELL, **environment: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        cwd=PROJECT,
        env=bare_environment() | environment,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_fills_in_what_is_missing_and_keeps_the_secrets(folder: Path) -> None:
    first, second = (
        json.loads(prepared(STATE_DIR=str(folder), ENVIRONMENT_NAME="Mine")[1])
        for _ in range(2)
    )
    host = str(folder).replace("/", "%2F").replace(" ", "%20").replace("ü", "%C3%BC")
    where = f"{host}%2Fpgdata/annals"
    assert first["DATABASE_URL"] == f"postgresql://annals_app@{where}"
    assert first["MIGRATE_DATABASE_URL"] == f"postgresql://annals_migrate@{where}"
    assert first["CELERY_BROKER_URL"] == valkey.url(folder)
    assert first["ENVIRONMENT_NAME"] == "Mine"
    assert first["SECURE_SSL_REDIRECT"] == "false"
    assert len(first["SECRET_KEY"]) >= 43
    assert first["SECRET_KEY"] != first["CLAIM_KEY"]
    assert second == first
    for secret in ("secret_key", "claim_key"):
        assert (folder / secret).stat().st_mode & 0o777 == 0o600


def test_a_named_database_needs_its_secrets(folder: Path) -> None:
    assert prepared(STATE_DIR=str(folder), DATABASE_URL="postgresql://db/annals") == (
        1,
        (
            "annals: DATABASE_URL is set, so SECRET_KEY and CLAIM_KEY must be set, "
            "too: a long random secret that stays the same.\n"
        ),
    )


def test_a_named_database_starts_nothing(folder: Path) -> None:
    code, _ = prepared(
        STATE_DIR=str(folder),
        DATABASE_URL="postgresql://db/annals",
        CELERY_BROKER_URL="amqp://broker",
        SECRET_KEY="a",  # noqa: S106
        CLAIM_KEY="b",
    )
    assert code == 0
    assert list(folder.iterdir()) == []


def test_a_folder_of_root_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: NOBODY)
    with pytest.raises(EmbeddedError) as refusal:
        places.state_folder(Path("/usr"))
    assert str(refusal.value) == (
        "/usr belongs to root: run as root, remove it (its data is lost), "
        "or name another folder with STATE_DIR."
    )


def test_a_user_without_a_name_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    with pytest.raises(EmbeddedError) as refusal:
        places.state_folder(Path("/usr"))
    assert str(refusal.value) == (
        "PostgreSQL does not run as user id 54321, which has no passwd entry: "
        "run as a named user, or set DATABASE_URL."
    )


def test_a_file_system_without_private_folders_sends_the_files_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No such file system can be mounted here.
    monkeypatch.setattr(places, "_can_be_private", lambda _folder: False)
    monkeypatch.setattr(places, "SYSTEM_FOLDER", tmp_path / "home" / "annals")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    assert places.state_folder(tmp_path / "state").parent == tmp_path / "home/annals"


@pytest.mark.parametrize("name", ["x" * 100, "a,b", 'a"b', "a@b"])
def test_a_socket_that_does_not_fit_moves_to_a_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    private = places.socket_folder(tmp_path / name, "socket")
    assert private.parent == tmp_path
    assert private.stat().st_mode & 0o777 == 0o700
    assert places.socket_folder(tmp_path / name, "socket") == private


def test_a_private_folder_made_by_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    private = places.socket_folder(tmp_path / "a,b", "socket")
    private.rmdir()
    private.symlink_to("/usr")
    with pytest.raises(EmbeddedError) as refusal:
        places.socket_folder(tmp_path / "a,b", "socket")
    assert str(refusal.value) == (
        f"{private} belongs to someone else: remove it, or set TMPDIR."
    )


def test_celery_finds_the_broker_in_a_folder_with_spaces(folder: Path) -> None:
    broker = subprocess.Popen(valkey.command(folder), stdout=subprocess.DEVNULL)  # noqa: S603
    wait_until(valkey.socket_path(folder).exists)
    with Connection(valkey.url(folder)) as connection:
        queue = connection.SimpleQueue("tests")
        queue.put("a hint")
        assert queue.get(timeout=10).payload == "a hint"
        queue.close()
    broker.terminate()
    broker.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its account")
def test_a_private_home_stays_private_and_the_files_lie_elsewhere(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SYSTEM_FOLDER", folder / "system")
    tmp_path.chmod(0o700)
    state = places.state_folder(tmp_path / "state")
    assert state.parent == folder / "system"
    assert places.state_folder(tmp_path / "state") == state
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_cluster_is_run_by_whoever_owns_it(folder: Path) -> None:
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, -1)
    account = places.server_account(folder)
    assert (account.uid if account else os.geteuid()) == folder.stat().st_uid
