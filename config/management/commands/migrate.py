"""manage.py migrate: Django's own, as the role that may change tables."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connection, transaction

from eventstore import roles
from eventstore.migrating import as_migrating_role


class Command(migrate.Command):
    """Migrates as the role of ``MIGRATE_DATABASE_URL``, where there is one.

    The connection has that role for as long as the migration takes; there is no alias
    by which other code could ask for it.  Afterwards what the migrations made is
    secured, so that no table is left with more rights than it should have (ADR-0021).
    """

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, then secure what is new."""
        with as_migrating_role():
            super().handle(*args, **options)
            _secure_what_is_new()


def _secure_what_is_new() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        if cursor.fetchone() == (roles.OWNER,):
            roles.secure(cursor)
