"""Append with the rights of the log's owner, so that the application needs none."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0007_append_as_owner.sql"


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0006_recorded_index")]

    operations = [migrations.RunSQL(SQL.read_text(encoding="utf-8"))]
