"""What a newcomer to an embedded installation gets: an account, a token, a greeting."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from django.contrib.auth.models import User

from config.embedded import keys
from users import tokens

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "admin"
CLIENT = "curl"  # the token's name, and so the actor of what it causes


def open_account(state: Path) -> str:
    """Make sure that the first staff account exists and return its first password."""
    password = keys.kept(state / "login.txt", keys.short)
    if not User.objects.filter(username=ACCOUNT).exists():
        User.objects.create_superuser(username=ACCOUNT, password=password)
    return password


def open_client(state: Path) -> str:
    """Return an API token that works, the same one as long as it does."""
    path = state / "token.txt"
    token = path.read_text().strip() if path.exists() else ""
    if not token or tokens.verify(token) is None:
        token = tokens.issue(CLIENT)
        keys.write(path, token)
    return token


def greeting(address: str, password: str | None, token: str | None) -> str:
    """Return the framed text that is shown when the web answers."""
    lines = [f"Annals is running:  {address}", "Stop it with Ctrl-C."]
    if password:
        lines[1:1] = [f"Log in as:          {ACCOUNT}   password: {password}"]
    if token:
        lines += ["", "Three things to try:", *_suggestions()]
    framed = _frame(lines)
    return f"{framed}\n{_curl(address, token)}" if token else framed


def _suggestions() -> list[str]:
    return [
        "1. Find Ada under Users and read her history, event by event.",
        "2. On her page, ask what was known about her at 3 pm.",
        "3. Create a user from another terminal, then look for it in the list:",
    ]


def _curl(address: str, token: str) -> str:
    # Outside the frame, so that it can be copied.
    return textwrap.dedent(f"""\
        curl {address}api/v1/users \\
          -H 'Authorization: Bearer {token}' \\
          -H 'Content-Type: application/json' \\
          -d '{{"name": "Grace Hopper", "email": "grace@example.org"}}'
        """)


def _frame(lines: list[str]) -> str:
    width = max(map(len, lines))
    edge = "─" * (width + 4)
    body = "\n".join(f"│  {line:<{width}}  │" for line in lines)
    return f"\n┌{edge}┐\n{body}\n└{edge}┘"
