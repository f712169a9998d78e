"""Django system checks: can this code read all that is stored, and did it write it?

The first needs no database and runs with every command; the others ask the database
and run with ``check --database default`` and before ``migrate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

from eventstore import codec, sql, subscriptions, upcasting

TAG = "eventstore"


def register_checks() -> None:
    """Tell Django of the checks; called once, when the app is ready."""
    register(every_version_has_a_path, TAG)
    register(every_stored_shape_has_a_path, TAG, Tags.database)
    register(every_read_model_is_of_this_code, TAG, Tags.database)


def every_version_has_a_path(**_options: Any) -> list[CheckMessage]:
    """Return an error for each step that is missing from version 1 to the newest."""
    return [
        Error(
            f"No upcaster lifts {name} from schema version {version}.",
            hint=f'Register one: @upcaster("{name}", from_version={version}, …).',
            id="eventstore.E001",
        )
        for name in codec.type_names()
        for known in [codec.type_named(name)]
        if known is not None
        for version in upcasting.missing(name, newest=known.schema_version)
    ]


def every_stored_shape_has_a_path(
    *, databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """Return a message for each stored shape that this code cannot read.

    An unknown type is a warning: newer code may have written it, and it stays readable
    as stored.  A known type in a shape without a path is an error.
    """
    if not databases:
        return []
    return [message for shape in stored_shapes() for message in _check(*shape)]


def every_read_model_is_of_this_code(
    *, databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """Return a warning for each read model that other code filled (ADR-0033)."""
    if not databases or not _has_table("eventstore_projectioncode"):
        return []
    return [
        checks.Warning(
            f"The code of the projection {name} changed since its rows were written.",
            hint=f"manage.py subscriptions rebuild {name} --reason …, or accept it.",
            id="eventstore.W002",
        )
        for name in subscriptions.changed()
    ]


def stored_shapes() -> list[tuple[str, int]]:
    """Return the (type, schema version) pairs of the log; none before its migration.

    Version 1 of a type is listed as soon as the type is stored in any version.
    """
    if not _has_table("events"):
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql.load("list_shapes"))
        shapes: list[tuple[str, int]] = cursor.fetchall()
        return shapes


def _has_table(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        return bool(cursor.fetchone()[0])


def _check(name: str, schema_version: int) -> list[CheckMessage]:
    known = codec.type_named(name)
    if known is None:
        return [
            checks.Warning(
                f"The log holds {name} version {schema_version}; no class is its type.",
                hint="Deploy the code that has it; subscriptions stop in front of it.",
                id="eventstore.W001",
            )
        ]
    return [
        Error(
            f"The log holds {name} version {schema_version}; version {gap} has no path "
            f"to version {known.schema_version}.",
            hint="Register the missing @upcaster, or deploy newer code.",
            id="eventstore.E002",
        )
        for gap in upcasting.missing(
            name, newest=known.schema_version, oldest=schema_version
        )
    ]
