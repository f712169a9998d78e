"""A record, its key and its mapping are kept by one function, in one round trip."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0023_receive_raw_records.sql"


class Migration(migrations.Migration):

    dependencies = [
        ('eventstore', '0021_exports'),
    ]

    operations = [
        migrations.RunSQL(
            SQL.read_text(encoding="utf-8"),
            "DROP FUNCTION receive_raw_records_v1",
        ),
    ]
