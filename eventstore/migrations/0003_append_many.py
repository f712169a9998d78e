"""Append to many streams at once, in every expected-version mode, repeatably."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0003_append_many.sql"


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0002_append_only")]

    operations = [migrations.RunSQL(SQL.read_text(encoding="utf-8"))]
