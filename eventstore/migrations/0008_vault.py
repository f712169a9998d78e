"""Keys for personal data, one for each person, in a schema of their own."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0008_vault.sql"


class Migration(migrations.Migration):
    dependencies = [("eventstore", "0007_append_as_owner")]

    operations = [migrations.RunSQL(SQL.read_text(encoding="utf-8"))]
