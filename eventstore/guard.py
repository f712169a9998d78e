"""Every hole through which somebody could change the log, with the way to close it.

Not a proof of the log itself: the leaves are that.  ADR-0021.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core import checks
from django.db import DatabaseError, connection

from eventstore import sql
from eventstore.roles import Cursor

FROZEN = Path(__file__).parent / "migrations" / "sql"
SECURE = "manage.py secure_database, as a superuser"
# code -> what it means, how it is closed; {} is what the hole is about.
HOLES = {
    "superuser": (
        (
            "The application is the superuser {}, whom nothing stops: tampering is "
            "detected, not prevented."
        ),
        f"{SECURE}; then connect as annals_app",
    ),
    "owner": (
        (
            "The application may act as the owner of the log ({}), who may drop its "
            "triggers: tampering is detected, not prevented."
        ),
        f"{SECURE}; then connect as annals_app",
    ),
    "database_owner": (
        "The application's role {} owns the database or the schema and may drop it.",
        SECURE,
    ),
    "attribute": (
        "The application's role may reach past its rights: {}.",
        "ALTER ROLE annals_app NOREPLICATION NOBYPASSRLS NOCREATEROLE",
    ),
    "member": (
        "A predefined role lets the application write without being granted it: {}.",
        "REVOKE {} — with FROM for TO",
    ),
    "create": (
        "The application may create tables and functions in the schema {}.",
        SECURE,
    ),
    "grant": ("Somebody but the owner has more than SELECT on events: {}.", SECURE),
    "sequence_grant": (
        "Somebody but the owner may draw or reset positions: {}.",
        SECURE,
    ),
    "trigger": (
        "The trigger {} is missing, weakened or not ENABLE ALWAYS.",
        (
            "ALTER TABLE events ENABLE ALWAYS TRIGGER events_are_immutable; if it is "
            "missing, CREATE TRIGGER as eventstore/migrations/sql/0002 does"
        ),
    ),
    "vault_grant": (
        "Somebody but the owner may write the keys of persons by hand: {}.",
        SECURE,
    ),
    "vault_trigger": (
        "The trigger {} is missing or weakened; a destroyed key could come back.",
        "CREATE TRIGGER as eventstore/migrations/sql/0008 does, ENABLE ALWAYS",
    ),
    "raw_grant": (
        "Somebody but the owner may write raw records by hand: {}.",
        SECURE,
    ),
    "raw_trigger": (
        "The trigger {} is missing or weakened; what was received could be changed.",
        "CREATE TRIGGER as eventstore/migrations/sql/0018 does, ENABLE ALWAYS",
    ),
    "strange_trigger": (
        "The trigger {} is none of ours and may change what is recorded.",
        "DROP TRIGGER {} ON events",
    ),
    "function": (
        "The function {} is not the one that was released.",
        "run its CREATE OR REPLACE FUNCTION from eventstore/migrations/sql",
    ),
    "foreign_key": (
        "The foreign key {} ties the log to another table; cascades pass every grant.",
        "ALTER TABLE … DROP CONSTRAINT, for {}",
    ),
    "rule": ("The rule {} rewrites statements on the log.", "DROP RULE {} ON events"),
    "inherits": (
        "{} inherits from or to the log; its rows would be read as events.",
        "ALTER TABLE {} NO INHERIT events",
    ),
    "row_security": (
        "Row security on {} may hide events from readers.",
        "ALTER TABLE events DISABLE ROW LEVEL SECURITY",
    ),
    "invoker": (
        "{} writes events with the rights of its caller.",
        "manage.py migrate, then " + SECURE,
    ),
    "search_path": (
        (
            "{} runs as the owner without a pinned search_path; a caller's table could "
            "stand in for events."
        ),
        "ALTER FUNCTION {} SET search_path = pg_catalog, public, pg_temp",
    ),
    "public_execute": ("Everybody may call {}.", "REVOKE EXECUTE … FROM PUBLIC, on {}"),
    "sequence_cache": (
        "The sequence of positions caches {}; readers would skip events (ADR-0004).",
        "ALTER SEQUENCE events_position_seq CACHE 1",
    ),
    "setting": (
        "The server's {} is off; a crash may lose or damage what was acknowledged.",
        "switch {} on (data_checksums: pg_checksums --enable, server stopped)",
    ),
    "role_setting": (
        "synchronous_commit is off for {}; a crash loses acknowledged events.",
        "ALTER ROLE {} RESET synchronous_commit",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """One way to change the log.

    Attributes:
        code: Key of ``HOLES``.
        subject: The role, trigger, function or setting in question.
        meaning: What it means, in a sentence.
        remedy: The command that closes it.
    """

    code: str
    subject: str
    meaning: str
    remedy: str


def holes(cursor: Cursor, *, role: str | None = None) -> list[Hole]:
    """Return every hole that is open; empty when there is none, or no log yet.

    Two queries on the catalogues.

    Args:
        cursor: Of any role.
        role: The application's role; None means whoever asks.
    """
    cursor.execute(sql.load("find_holes"), {"role": role})
    found = [*map(tuple, cursor.fetchall()), *_rewritten(cursor)]
    return [_hole(code, subject) for code, subject in found]


def _hole(code: str, subject: str) -> Hole:
    meaning, remedy = HOLES[code]
    return Hole(
        code=code,
        subject=subject,
        meaning=meaning.format(subject),
        remedy=remedy.format(subject),
    )


def _rewritten(cursor: Cursor) -> list[tuple[str, str]]:
    """Return the functions of the log whose body is in no released migration."""
    released = "".join(file.read_text("utf-8") for file in sorted(FROZEN.glob("*.sql")))
    names = re.findall(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)", released)
    cursor.execute(
        "SELECT proname::text, prosrc FROM pg_proc WHERE proname = any(%s)"
        " AND pronamespace = current_schema()::regnamespace ORDER BY proname",
        [names],
    )
    rows: list[tuple[str, str]] = cursor.fetchall()
    return [("function", name) for name, body in rows if f"$${body}$$" not in released]


def check_guard(*, databases: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Warn of each hole; runs where a database is named, as ``migrate`` does."""
    return _messages(checks.Warning) if "default" in (databases or ()) else []


def check_guard_for_deployment(**_: Any) -> list[checks.CheckMessage]:
    """Refuse to deploy over a hole."""
    return _messages(checks.Error)


def _messages(
    kind: type[checks.Warning | checks.Error],
) -> list[checks.CheckMessage]:
    try:
        with connection.cursor() as cursor:
            found = holes(cursor)
    except DatabaseError as error:
        text = f"The database could not be asked about the log: {error}"
        return [kind(text, id="eventstore.unknown")]
    return [
        kind(hole.meaning, hint=f"{hole.remedy}.", id=f"eventstore.{hole.code}")
        for hole in found
    ]
