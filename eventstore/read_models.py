"""The tables of a projection, and which code filled them.

A digest of the code is kept when a projection begins, and when a rebuild of it is
switched to.  When the code that runs has another, the rows of before may not be what it
would write: the projection *changed*, and wants a rebuild.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

from django.db import connection, models
from django.utils import timezone

from eventstore import fingerprints
from eventstore.models import ProjectionCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a read model.

    Attributes:
        model: Its model; the table's name begins with ``projections_``.
        key: Fields that say whom or what a row is about; several rows may share it.
    """

    model: type[models.Model]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name in the database."""
        return self.model._meta.db_table  # noqa: SLF001 - documented by Django

    @property
    def columns(self) -> list[str]:
        """Columns that the log decides: without numbers drawn by the database."""
        return [
            str(field.column)
            for field in self.model._meta.concrete_fields  # noqa: SLF001
            if not isinstance(field, models.AutoField | models.GeneratedField)
        ]

    def insert(self, rows: Iterable[models.Model]) -> None:
        """Write *rows* that are not there yet, by COPY: twice as fast as INSERT.

        Raises:
            DatabaseError: As every statement of Django; then nothing was written.
        """
        columns = self.columns
        names = ", ".join(f'"{name}"' for name in columns)
        values = attrgetter(*columns)
        with (
            connection.wrap_database_errors,  # Django wraps what it knows, and not COPY
            connection.cursor() as cursor,
            cursor.copy(f'COPY "{self.name}" ({names}) FROM STDIN') as copy,
        ):
            for row in rows:
                copy.write_row(values(row))

    @property
    def shape(self) -> str:
        """Columns and their types."""
        fields = self.model._meta.concrete_fields  # noqa: SLF001
        columns = [f"{each.column} {each.db_type(connection)}" for each in fields]
        return f"{self.name} {', '.join(columns)}"


@cache
def digest(
    functions: tuple[Callable[..., Any], ...], handles: Any, tables: tuple[Table, ...]
) -> str:
    """Return the digest of code that fills *tables*; empty when there is none.

    Args:
        functions: Those whose modules decide the rows.
        handles: A union of event classes; None when no payload is looked at.
        tables: What is filled.
    """
    shapes = [table.shape for table in tables]
    return fingerprints.code_of(functions, handles, shapes) or ""


def note(name: str, digest: str) -> None:
    """Say that the read model of *name* begins with this code, if nothing is known."""
    ProjectionCode.objects.bulk_create(
        [ProjectionCode(subscription=name, digest=digest, since=timezone.now())],
        ignore_conflicts=True,
    )


def renew(name: str, digest: str) -> str:
    """Say that this code filled the read model; return which did before."""
    before = ProjectionCode.objects.filter(subscription=name).first()
    ProjectionCode.objects.update_or_create(
        subscription=name, defaults={"digest": digest, "since": timezone.now()}
    )
    return "" if before is None else before.digest


def noted() -> dict[str, str]:
    """Return the digest of the code that filled each read model.  One query."""
    return dict(ProjectionCode.objects.values_list("subscription", "digest"))
