"""What a newcomer to an embedded installation gets: an account, a token, a greeting."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User

from config.embedded import keys
from config.embedded.environment import MAIL
from users import tokens
from users.management.console import at_the_console
from users.scopes import ALL

ACCOUNT = "admin"  # may do everything
# One account for each role, so that a newcomer can see through its eyes.
ROLES = {
    "viewer": "Viewer",
    "agent": "Agent",
    "operator": "Operator",
    "lead": "Lead",
    "auditor": "Auditor",
    "officer": "Data officer",
}
CLIENT = "curl"  # the token's name, and so the actor of what it causes


@dataclass(frozen=True, kw_only=True)
class Access:
    """What the newcomer may know."""

    password: str  # of the first staff accounts, until it is changed there
    token: str  # of the REST interface
    mail: Path  # where e-mails go instead of into the world


def open_access(state: Path) -> Access:
    """Make the first accounts and token, once, and return them."""
    return Access(
        password=_open_account(state), token=_open_client(state), mail=state / MAIL
    )


def _open_account(state: Path) -> str:
    password = keys.kept(state / "login.txt", keys.short)
    if not User.objects.filter(username=ACCOUNT).exists():
        User.objects.create_superuser(username=ACCOUNT, password=password)
    for username, role in ROLES.items():
        if not User.objects.filter(username=username).exists():
            person = User.objects.create_user(username, password=password)
            person.is_staff = True
            person.save(update_fields=["is_staff"])
            person.groups.add(Group.objects.get(name=role))
    return password


def _open_client(state: Path) -> str:
    path = state / "token.txt"
    token = path.read_text().strip() if path.exists() else ""
    if not token or tokens.verify(token) is None:
        # It shows a newcomer everything, on a machine of their own.
        with at_the_console():
            token = tokens.issue(CLIENT, scopes=ALL, replaces=True)
        keys.write(path, token)
    return token


def greeting(address: str, access: Access | None) -> str:
    """Return the framed text that is shown when the web answers."""
    running, stop = f"Annals is running:  {address}", "Stop it with Ctrl-C."
    if access is None:
        return _frame([running, *_tls(), stop])
    lines = [
        running,
        f"Log in as:          {ACCOUNT}   password: {access.password}",
        f"or, to do less, as: {', '.join(ROLES)}",
        f"E-mails end in:     {access.mail}",
        stop,
        "",
        "Three things to try:",
        *_suggestions(),
    ]
    return f"{_frame(lines)}\n{_curl(address, access.token)}"


def _tls() -> list[str]:
    if not settings.SECURE_SSL_REDIRECT:
        return []
    return [
        "It answers behind a proxy that speaks TLS only.",
        "To look at it from here, set SECURE_SSL_REDIRECT=false.",
    ]


def _suggestions() -> list[str]:
    return [
        "1. Find Ada under Users and read her history, event by event.",
        "2. On her page, ask for “yesterday 3pm”: what was she then, and why?",
        "3. Create a user from another terminal, then look for it in the list:",
    ]


def _curl(address: str, token: str) -> str:
    # Outside the frame, so that it can be copied.
    return textwrap.dedent(f"""\
        curl {address}api/v1/users \\
          -H 'Authorization: Bearer {token}' \\
          -H 'Content-Type: application/json' \\
          -d '{{"name": "Dorothy Vaughan", "email": "dorothy@example.org"}}'
        """)


def _frame(lines: list[str]) -> str:
    width = max(map(len, lines))
    edge = "─" * (width + 4)
    body = "\n".join(f"│  {line:<{width}}  │" for line in lines)
    return f"\n┌{edge}┐\n{body}\n└{edge}┘"
