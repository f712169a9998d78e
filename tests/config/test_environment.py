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
        env=environment,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_fills_in_what_is_missing_and_keeps_the_secrets(folder: Path) -> None:
    first, second = (
        json.loads(prepared(STATE_DIR=str(folder), ENVIRONMENT_NAME="Mine")[1])
        for _ in range(2)
    )
    host = str(folder).replace("/", "%2F").replace(" ", "%20").replace("ü", "%C3%BC")
    assert first["DATABASE_URL"] == f"postgresql://postgres@{host}%2Fpgdata/annals"
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


def test_a_folder_of_root_is_refused_in_one_sentence() -> None:
    drop = f"os.setuid({NOBODY})" if os.geteuid() == 0 else ""
    script = f"import os\nfrom config.embedded import environment\n{drop}\n{TELL}"
    assert prepared(script, STATE_DIR="/usr") == (
        1,
        (
            "annals: /usr belongs to root: run as root, remove it (its data is lost), "
            "or name another folder with STATE_DIR.\n"
        ),
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_a_user_without_a_name_is_told_what_to_do() -> None:
    script = (
        f"import os\nfrom config.embedded import environment\nos.setuid(54321)\n{TELL}"
    )
    assert prepared(script, STATE_DIR="/usr") == (
        1,
        (
            "annals: PostgreSQL does not run as user id 54321, which has no passwd "
            "entry: run as a named user, or set DATABASE_URL.\n"
        ),
    )


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
