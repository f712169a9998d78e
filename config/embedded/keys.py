"""Secrets an embedded installation makes for itself, once, and keeps in its state."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def kept(path: Path, make: Callable[[], str] = secrets.token_urlsafe) -> str:
    """Return the secret in *path*, making it first if there is none.

    Safe from many processes at once; only the owner may read the file.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        write(draft, make())
        # A link, unlike a rename, leaves the file of whoever was first.
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def write(path: Path, secret: str) -> None:
    """Write *secret* so that only the owner may read it, whatever the umask."""
    path.unlink(missing_ok=True)
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
    ) as f:
        f.write(f"{secret}\n")


def short() -> str:
    """Return a password that is typed by hand: 60 random bits."""
    return "-".join(secrets.token_hex(3)[:5] for _ in range(3))
