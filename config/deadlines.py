"""How long the database may work on one statement of the web and of the feed.

Only their entry points ask for it: workers, migrations and exports take their time.
"""

from __future__ import annotations

from django.conf import settings


def bound_the_database() -> None:
    """Let the database end slow statements and idle transactions of this process.

    Must run before the first connection.  0 is no bound.
    """
    told = {
        "statement_timeout": settings.DATABASE_STATEMENT_SECONDS,
        "idle_in_transaction_session_timeout": settings.DATABASE_IDLE_SECONDS,
    }
    # What the installation says itself stands last, and so it wins.
    options = settings.DATABASES["default"].setdefault("OPTIONS", {})
    ours = " ".join(f"-c {name}={seconds}s" for name, seconds in told.items())
    options["options"] = f"{ours} {options.get('options', '')}".strip()
