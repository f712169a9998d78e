"""Append under keys that are there: sealed events can always be opened."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0009_append_sealed.sql"


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0008_vault")]

    operations = [migrations.RunSQL(SQL.read_text(encoding="utf-8"))]
