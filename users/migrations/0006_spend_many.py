"""A quota may be spent many at a time: a batch counts what is in it."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0006_spend_many.sql"


class Migration(migrations.Migration):
    dependencies = [("users", "0005_commands_over_rest")]

    operations = [
        migrations.RunSQL(
            SQL.read_text(encoding="utf-8"),
            "DROP FUNCTION spend_quota_v2(bytea, integer, double precision, integer)",
        ),
    ]
