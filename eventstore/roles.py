"""Three database roles, so that the application cannot change what it recorded.

``annals_owner`` owns everything and cannot log in; ``annals_migrate`` logs in to act as
the owner, for ``migrate`` only; ``annals_app`` is what web, worker and beat are: it
reads the log, appends through one function, and has ordinary rights elsewhere.

Needs no Django: the embedded server is secured before there are settings.  ADR-0021.
"""

from __future__ import annotations

from typing import Any, Protocol

from eventstore import sql

OWNER = "annals_owner"
MIGRATE = "annals_migrate"
APP = "annals_app"


class Cursor(Protocol):
    """What is asked of a cursor, Django's or psycopg's."""

    def execute(self, query: Any, params: Any = None, /) -> Any:
        """Run one statement."""

    def fetchall(self) -> list[Any]:
        """Return all rows of the last one."""


def missing(cursor: Cursor) -> list[str]:
    """Return the statements that would secure this database; empty when it is secure.

    Any role may ask.  Where a role is missing, only the roles' statements come back:
    what they lack in the database can be told once they exist.
    """
    return _planned(cursor, "plan_roles") or _planned(cursor, "plan_grants")


def secure(cursor: Cursor) -> list[str]:
    """Make the roles, hand ownership over, set the grants; return what was run.

    Running it again changes nothing.  Must run in a transaction, as a superuser; once
    the database is secure, what a migration adds may be secured as the owner.
    """
    return [
        statement
        for plan in ("plan_roles", "plan_grants")
        for statement in _planned(cursor, plan)
        if _run(cursor, statement)
    ]


def _planned(cursor: Cursor, plan: str) -> list[str]:
    cursor.execute(sql.load(plan))
    return [statement for (statement,) in cursor.fetchall()]


def _run(cursor: Cursor, statement: str) -> bool:
    cursor.execute(statement)
    return True
