"""Be the role that may change tables, for as long as a block takes (ADR-0021)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import environ
from django.conf import settings
from django.db import connection


@contextmanager
def as_migrating_role() -> Iterator[None]:
    """Connect as the role of ``MIGRATE_DATABASE_URL``, where there is one.

    There is no alias by which other code could ask for it.
    """
    if not settings.MIGRATE_DATABASE_URL:
        yield
        return
    before = connection.settings_dict
    named = environ.Env.db_url_config(settings.MIGRATE_DATABASE_URL)
    named["HOST"] = unquote(named["HOST"])  # a socket's path
    connection.close()
    connection.settings_dict = before | {"OPTIONS": {}} | named
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before
