"""Where the embedded services keep their files, and as which account they run."""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded.errors import EmbeddedError

SYSTEM_FOLDER = Path("/var/lib/annals")
SOCKET_PATH_BYTES = 100  # sun_path holds 108 on Linux, 104 on macOS
# libpq splits a host on ",", takes a leading "@" as abstract; URLs end a host at "@".
NOT_IN_A_HOST = frozenset(',"@')


@dataclass(frozen=True, kw_only=True)
class Account:
    """The Unix account a server runs as when we are root."""

    uid: int
    gid: int

    @property
    def popen(self) -> dict[str, Any]:
        """Arguments that make subprocess switch to this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(data: Path | None = None) -> Account | None:
    """Return the account PostgreSQL must switch to; None to stay who we are.

    PostgreSQL refuses to run as root, and as a user whom passwd does not know.

    Args:
        data: An existing cluster: whoever owns it runs it.
    """
    if os.geteuid() != 0:
        _refuse_a_nameless_user()
        return None
    if data is not None and data.exists() and data.stat().st_uid != 0:
        return Account(uid=data.stat().st_uid, gid=data.stat().st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    message = (
        "PostgreSQL does not run as root and there is no user 'postgres' or 'nobody': "
        "run as an ordinary user, or set DATABASE_URL."
    )
    raise EmbeddedError(message)


def _refuse_a_nameless_user() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        message = (
            f"PostgreSQL does not run as user id {os.geteuid()}, which has no passwd "
            "entry: run as a named user, or set DATABASE_URL."
        )
        raise EmbeddedError(message) from None


def is_reachable(folder: Path, account: Account) -> bool:
    """Tell whether *account* may enter *folder*."""
    enter = ["/bin/sh", "-c", 'cd "$1" && test -x .', "sh", str(folder)]
    entered = subprocess.run(  # noqa: S603  # our own argv
        enter, cwd="/", stderr=subprocess.DEVNULL, check=False, **account.popen
    )
    return entered.returncode == 0


def state_folder(wanted: Path) -> Path:
    """Create and return the folder for the services' files: *wanted* if it will do.

    A checkout in a private home is closed to the account that root switches to, and
    some file systems (vfat, WSL's /mnt) know no private folders; then the files lie in
    a system or home folder named after *wanted*.  No folder's mode is ever changed.

    Raises:
        EmbeddedError: The folder belongs to someone else.
    """
    folder = wanted.resolve()
    account = server_account(folder / "pgdata")
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_a_foreign(folder)
    if account and not is_reachable(folder, account):
        folder = _elsewhere(SYSTEM_FOLDER, folder)
    if not _can_be_private(folder):
        folder = _elsewhere(SYSTEM_FOLDER if account else _home_state(), folder)
    return folder


def _refuse_a_foreign(folder: Path) -> None:
    owner = folder.stat().st_uid
    if os.geteuid() in {0, owner} and os.access(folder, os.W_OK):
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"user id {owner}"
    message = (
        f"{folder} belongs to {name}: run as {name}, remove it (its data is lost), "
        "or name another folder with STATE_DIR."
    )
    raise EmbeddedError(message)


def _can_be_private(folder: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".probe-") as probe:
        return Path(probe).stat().st_mode & 0o077 == 0


def _home_state() -> Path:
    named = os.environ.get("XDG_STATE_HOME")
    return (Path(named) if named else Path.home() / ".local/state") / "annals"


def _elsewhere(parent: Path, folder: Path) -> Path:
    elsewhere = parent / _digest(folder)
    elsewhere.mkdir(parents=True, exist_ok=True)
    return elsewhere


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]


def socket_folder(folder: Path, name: str, account: Account | None = None) -> Path:
    """Return *folder* if a socket *name* can live in it, else a private temporary one.

    Raises:
        EmbeddedError: Someone else already made that temporary folder.
    """
    fits = len(os.fsencode(folder / name)) < SOCKET_PATH_BYTES
    if fits and not NOT_IN_A_HOST & set(str(folder)):
        return folder
    uid = account.uid if account else os.geteuid()
    private = Path(tempfile.gettempdir()) / f"annals-{uid}-{_digest(folder)}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.is_symlink() or private.stat().st_uid not in {os.geteuid(), uid}:
        message = f"{private} belongs to someone else: remove it, or set TMPDIR."
        raise EmbeddedError(message)
    if account:
        os.chown(private, account.uid, account.gid)
    return private
